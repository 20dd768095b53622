package azblob

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// A leader goes on while somebody edits its blob; a standby does nothing with what it cannot read, until it is repaired.
func TestLeaderWhoseBlobIsEdited(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	one := newNode(t, p, "one")
	term := <-one.terms
	whole := p.metadata(t, "orders")
	p.set(t, "orders", metadata{keyFormat: pointer("9")}, *whole[keyID])
	two := newNode(t, p, "two")
	two.eventually(t, lease.ErrRecord)
	one.renews(t)
	require.NoError(t, term.Check())
	p.set(t, "orders", whole, *whole[keyID])
	two.eventually(t, lease.ErrHeld)

	p.set(t, "orders", metadata{}, *whole[keyID])
	one.renews(t)
	one.stop() // and gives the lease back
	require.NoError(t, <-one.done)
	two.eventually(t, lease.ErrRecord)
	require.Empty(t, two.terms)
	p.set(t, "orders", whole, "")
	assert.Greater(t, (<-two.terms).Token(), term.Token()) // an attempt that a busy machine gave up skips one
}

// A leader whose blob is deleted, or whose lease is broken, finds out at its next renewal.
func TestLeaderWhoseBlobIsTakenAway(t *testing.T) {
	t.Parallel()
	for reason, takeAway := range map[lease.LostReason]func(p place) error{
		lease.LostGone:     func(p place) error { return p.remove(t.Context(), "orders") },
		lease.LostReleased: func(p place) error { return p.breakLease(t.Context(), "orders") },
	} {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			n := newNode(t, p, "one")
			term := <-n.terms
			require.NoError(t, takeAway(p))
			select {
			case <-term.Done():
			case <-within(t, limits.MinLength).Done():
				t.Fatal("the term goes on")
			}
			lost, ok := errors.AsType[*lease.LostError](term.Check())
			require.True(t, ok)
			assert.Equal(t, reason, lost.Reason)
			assert.NotEqual(t, term, <-n.terms, "it campaigns again")
		})
	}
}

// A node is a leader with a log of what it asked.
type node struct {
	stop   context.CancelFunc
	terms  chan lease.Term
	done   chan error
	events chan leader.RequestEvent
}

func newNode(t *testing.T, p place, name string) *node {
	ctx, cancel := context.WithCancel(t.Context())
	n := &node{cancel, make(chan lease.Term, 10), make(chan error, 1), make(chan leader.RequestEvent, 1000)}
	l := leader.New(
		leader.WithLeaseManager(New(p.client(t, connectionString(), nil))),
		leader.WithLeaseName("orders"),
		leader.WithNodeID(name),
		leader.WithLeaseLength(limits.MinLength),
		leader.WithRenewEvery(500*time.Millisecond),
		leader.WithAcquireEvery(200*time.Millisecond),
		leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WithObserver(func(e leader.Event) {
			if r, ok := e.(leader.RequestEvent); ok {
				n.events <- r
			}
		}),
		leader.WhenStarted(func(ctx context.Context) error {
			term, _ := leader.TermFrom(ctx)
			n.terms <- term
			<-ctx.Done()
			return nil
		}),
	)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.done <- l.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return n
}

// eventually waits for a request that is answered so, from now on.
func (n *node) eventually(t *testing.T, want error) {
	t.Helper()
	n.waits(t, func(r leader.RequestEvent) bool { return errors.Is(r.Err, want) })
}

func (n *node) renews(t *testing.T) {
	t.Helper()
	n.waits(t, func(r leader.RequestEvent) bool { return r.Op == leader.OpRenew && r.Err == nil })
}

func (n *node) waits(t *testing.T, is func(leader.RequestEvent) bool) {
	t.Helper()
	for len(n.events) > 0 {
		<-n.events
	}
	<-n.events // this one may have been under way
	late := within(t, 10*time.Second)
	for {
		select {
		case r := <-n.events:
			if is(r) {
				return
			}
		case <-late.Done():
			t.Fatal("not within ten seconds")
		}
	}
}
