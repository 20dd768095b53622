package gcs

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/scenario"
	"github.com/cloudlease/leader/internal/serverclock"
	"github.com/cloudlease/leader/lease"
)

// Somebody meddles with the record of a leader by means of the SDK.
func TestByHand(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	cases := map[string]func(t *testing.T, n *node, o *storage.ObjectHandle){
		"taken": taken, "deleted": deleted, "garbage": garbage, "restored": restored,
	}
	atOnce(t, cases, func(t *testing.T, meddle func(*testing.T, *node, *storage.ObjectHandle)) {
		name := strings.TrimPrefix(t.Name(), "TestByHand/")
		n := newNode(t, New(connect(t), bucket), name, "a", length)
		meddle(t, n, sdk(t).Bucket(bucket).Object(name))
	})
}

func wantLost(t *testing.T, n *node, reason lease.LostReason) *lease.LostError {
	t.Helper()
	cause := soon(t, "the term ends", n.ended, length)
	var lost *lease.LostError
	require.ErrorAs(t, cause, &lost)
	require.Equal(t, reason, lost.Reason, "%v", cause)
	return lost
}

func taken(t *testing.T, n *node, o *storage.ObjectHandle) {
	term := n.leads(every)
	record, _ := get(t, o)
	put(t, o, strings.Replace(record, `"id":"`, `"id":"somebody-else-`, 1))
	lost := wantLost(t, n, lease.LostTaken)
	assert.Equal(t, term.Token(), lost.Now.Token)
	require.Error(t, term.Check())
	next := n.leads(length + serverclock.Grain + serverclock.Skew) // the new holder does not renew it
	assert.Equal(t, term.Token()+1, next.Token())
}

func deleted(t *testing.T, n *node, o *storage.ObjectHandle) {
	term := n.leads(every)
	require.NoError(t, o.Delete(t.Context()))
	wantLost(t, n, lease.LostGone)
	require.Error(t, term.Check())
	n.leads(2 * every) // with a token that is no greater, as the package comment says
}

func garbage(t *testing.T, n *node, o *storage.ObjectHandle) {
	term := n.leads(every)
	record, _ := get(t, o)
	put(t, o, "not a record")
	lost := wantLost(t, n, lease.LostExpired)
	if !errors.Is(lost, context.DeadlineExceeded) { // the emulator stalled at the last try
		require.ErrorIs(t, lost, lease.ErrRecord)
	}
	require.Error(t, term.Check())
	eventually(t, "the next try finds garbage, too", 2*every, func() bool {
		s := n.Status()
		return errors.Is(s.Err, lease.ErrRecord)
	})
	found, _ := get(t, o)
	require.Equal(t, "not a record", found, "it is left as it is")
	put(t, o, record) // repaired
	next := n.leads(length + serverclock.Grain + serverclock.Skew)
	assert.Equal(t, term.Token()+1, next.Token())
}

// restored puts an earlier state of the same term back: its holder goes on.
func restored(t *testing.T, n *node, o *storage.ObjectHandle) {
	term := n.leads(every)
	record, _ := get(t, o)
	n.renews(1)
	put(t, o, record)
	n.renews(2)
	require.NoError(t, term.Check())
	require.Empty(t, n.ended)
	found, _ := get(t, o)
	assert.Equal(t, term.Token(), scenario.TokenIn(t, []byte(found)))
	assert.NotEqual(t, record, found)
}
