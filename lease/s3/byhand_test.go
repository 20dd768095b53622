package s3

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// led is a leader that runs, whose record somebody changes by hand.
type led struct {
	*testing.T
	client  *s3.Client
	bucket  string
	begun   chan lease.Term
	causes  chan error               // why a work's context was cancelled
	renewed chan leader.RequestEvent // each renewal that has an answer
}

func lead(t *testing.T, bucket string) *led {
	l := &led{
		T: t, client: newClient(t), bucket: bucket,
		begun: make(chan lease.Term, 10), causes: make(chan error, 10), renewed: make(chan leader.RequestEvent, 1000),
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- leader.New(
			leader.WithLeaseManager(New(newClient(t), bucket)),
			leader.WithNodeID("node"),
			leader.WithLogger(slog.New(slog.NewTextHandler(t.Output(), nil))),
			leader.WithLeaseLength(9*time.Second), // other tests' load may keep the emulator from answering for a second
			leader.WithRenewEvery(1500*time.Millisecond),
			leader.WithAcquireEvery(1500*time.Millisecond),
			leader.WithObserver(func(e leader.Event) {
				if r, ok := e.(leader.RequestEvent); ok && r.Op == leader.OpRenew {
					l.renewed <- r
				}
			}),
			leader.WhenStarted(func(ctx context.Context) error {
				term, _ := leader.TermFrom(ctx)
				l.begun <- term
				<-ctx.Done()
				l.causes <- context.Cause(ctx)
				return ctx.Err()
			}),
		).Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	return l
}

// soon waits for what has to come.
func soon[T any](l *led, c <-chan T) (got T) {
	l.Helper()
	select {
	case got = <-c:
	case <-time.After(30 * time.Second):
		l.Fatal("it does not come")
	}
	return got
}

func (l *led) record() string { return get(l, l.client, l.bucket, "leader") }

// edit changes the record, if need be again and again until no renewal came in between.
func (l *led) edit(old, new string) {
	l.Helper()
	for range 100 {
		out, err := l.client.GetObject(l.Context(), &s3.GetObjectInput{Bucket: &l.bucket, Key: aws.String("leader")})
		require.NoError(l, err)
		content := new
		if old != "" {
			content = strings.ReplaceAll(l.record(), old, new)
		}
		_, err = l.client.PutObject(l.Context(), &s3.PutObjectInput{
			Bucket: &l.bucket, Key: aws.String("leader"), IfMatch: out.ETag, Body: strings.NewReader(content),
		})
		if err == nil {
			return
		}
	}
	l.Fatal("a renewal came in between each time")
}

// wantLost waits for the end of the term, and fails unless it is of that kind.
func (l *led) wantLost(reason lease.LostReason) *lease.LostError {
	l.Helper()
	lost, ok := errors.AsType[*lease.LostError](soon(l, l.causes))
	require.True(l, ok)
	assert.Equal(l, reason, lost.Reason, lost)
	return lost
}

func TestRecordChangedByHand(t *testing.T) {
	t.Parallel()
	l := lead(t, newBucket(t))
	first := soon(l, l.begun)
	info, err := lease.Inspect(t.Context(), New(l.client, l.bucket), "leader")
	require.NoError(t, err)
	l.edit(info.ID, "somebody-else")
	assert.Equal(t, "somebody-else", l.wantLost(lease.LostTaken).Now.ID)
	second := soon(l, l.begun)
	assert.Equal(t, first.Token()+1, second.Token(), "once the other one's lease has run out")
}

func TestRecordReleasedByHand(t *testing.T) {
	t.Parallel()
	l := lead(t, newBucket(t))
	first := soon(l, l.begun)
	l.edit(`"released":false`, `"released":true`)
	l.wantLost(lease.LostReleased)
	assert.Equal(t, first.Token()+1, soon(l, l.begun).Token())
}

func TestRecordDeletedByHand(t *testing.T) {
	t.Parallel()
	l := lead(t, newBucket(t))
	first := soon(l, l.begun)
	remove(t, l.client, l.bucket, "leader")
	l.wantLost(lease.LostGone)
	require.Error(t, first.Check())
	assert.Equal(t, uint64(1), soon(l, l.begun).Token(), "the token was in the record")
}

// Garbage is nobody's lease: it is left as it is, and the term goes on until its deadline, when nobody can hold the lease.
func TestRecordReplacedByGarbage(t *testing.T) {
	t.Parallel()
	for name, garbage := range map[string]string{
		"not a cell": "garbage", "not a record": "{\"leaseObject\":1,\"nonce\":\"x\"}\ngarbage",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lead(t, newBucket(t))
			first := soon(l, l.begun)
			l.edit("", garbage)
			for !errors.Is(soon(l, l.renewed).Err, lease.ErrRecord) {
				continue // a renewal from before, or one that had no answer
			}
			assert.NoError(t, first.Check())
			l.wantLost(lease.LostExpired)
			assert.Equal(t, garbage, l.record())

			l.edit("", repaired)
			assert.Equal(t, uint64(8), soon(l, l.begun).Token(), "the record was repaired")
		})
	}
}

// repaired is a record as somebody may write it.
const repaired = `{"leaseObject":1,"nonce":"by hand"}
{"format":1,"token":7,"id":"x","holder":"nobody","length":"1s","nonce":"by hand","released":true}`

// An older record of the same term is the leader's still: it renews from there.
func TestRecordRestoredByHand(t *testing.T) {
	t.Parallel()
	l := lead(t, newBucket(t))
	first := soon(l, l.begun)
	older := l.record()
	soon(l, l.renewed)
	soon(l, l.renewed)
	l.edit("", older)
	for l.record() == older {
		require.NotErrorIs(t, soon(l, l.renewed).Err, lease.ErrLost)
	}
	assert.NoError(t, first.Check())
	assert.Empty(t, l.causes)
}

// A bucket with versions keeps each renewal, and a deletion can be undone.
func TestVersionedBucket(t *testing.T) {
	t.Parallel()
	client, bucket := newClient(t), newBucket(t)
	_, err := client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	require.NoError(t, err)
	m := New(client, bucket)
	held, err := m.Acquire(t.Context(), request("a", "one", time.Minute))
	require.NoError(t, err)
	for range 3 {
		held, err = m.Renew(t.Context(), held)
		require.NoError(t, err)
	}
	versions := func() *s3.ListObjectVersionsOutput {
		out, err := client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &bucket})
		require.NoError(t, err)
		return out
	}
	assert.Len(t, versions().Versions, 4, "it keeps them all: the package comment says what to do about it")

	remove(t, client, bucket, "a")
	_, err = m.Renew(t.Context(), held)
	lost, ok := errors.AsType[*lease.LostError](err)
	require.True(t, ok)
	assert.Equal(t, lease.LostGone, lost.Reason)

	marker := versions().DeleteMarkers[0]
	_, err = client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: marker.Key, VersionId: marker.VersionId})
	require.NoError(t, err)
	held, err = m.Renew(t.Context(), held)
	require.NoError(t, err)
	require.NoError(t, m.Release(t.Context(), held))

	remove(t, client, bucket, "a")
	held, err = m.Acquire(t.Context(), request("a", "two", time.Minute))
	require.NoError(t, err, "a delete marker is no object")
	assert.Equal(t, uint64(1), held.Token)
}

// TestFreshManager: a manager that has not watched the lease gets it as soon as S3's clock proves that it is over.
func TestFreshManager(t *testing.T) {
	t.Parallel()
	client, bucket := newClient(t), newBucket(t)
	s := NewStore(client, bucket, WithAge())
	sent := time.Now()
	_, err := New(client, bucket).Acquire(t.Context(), request("a", "gone", time.Second))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		found, err := s.Load(t.Context(), "a")
		require.NoError(t, err)
		require.Less(t, found.Age, time.Since(sent))
		return found.Age >= time.Second
	}, 30*time.Second, 50*time.Millisecond)
	assert.GreaterOrEqual(t, time.Since(sent), 3*time.Second, "the grain and the skew are taken off")
	held, err := New(client, bucket, WithAge()).Acquire(t.Context(), request("a", "fresh", time.Second))
	require.NoError(t, err)
	assert.Equal(t, uint64(2), held.Token)
}

// TestList has more cells than a page, and what is none of ours between them.
func TestList(t *testing.T) {
	t.Parallel()
	client, bucket := newClient(t), newBucket(t)
	lists := 0
	counting := countingLists{client, &lists, func() { remove(t, client, bucket, "leases/z") }}
	s := NewStore(counting, bucket, WithPrefix("leases/"), func(s *Store) { s.pageSize = 2 })
	for _, name := range []string{"a", "b", "c/d", "c/", "soap", "z"} {
		_, err := s.Swap(t.Context(), name, "", []byte(name))
		require.NoError(t, err)
	}
	for _, key := range []string{"b", "leases/", "leases/b b", "leases/c//d", "leases/%62", "leases2/b"} {
		put(t, client, bucket, key, "not ours")
	}
	put(t, client, bucket, "leases/garbage", "garbage")
	got := map[string]error{}
	for c, err := range s.List(t.Context(), "") {
		require.NoError(t, err)
		require.NotContains(t, got, c.Name)
		got[c.Name] = c.Err
		if c.Err == nil {
			assert.Equal(t, c.Name, string(c.Snapshot.Data))
		}
	}
	require.ErrorIs(t, got["garbage"], lease.ErrRecord)
	delete(got, "garbage")
	assert.Equal(t, map[string]error{"a": nil, "b": nil, "c/d": nil, "c/": nil, "soap": nil}, got)
	assert.Equal(t, 6, lists, "eleven objects, two to a page; z is removed when the last one has come")

	var named []string
	for info, err := range lease.List(t.Context(), lease.NewManager(s), "c") {
		require.NoError(t, err)
		named = append(named, info.Name)
		require.ErrorIs(t, info.Err, lease.ErrRecord, "the cell is whole, and holds no lease")
	}
	assert.ElementsMatch(t, []string{"c/d", "c/"}, named)

	atRoot := NewStore(client, bucket)
	_, err := atRoot.Swap(t.Context(), "soap", "", []byte("soap"))
	require.NoError(t, err)
	for c, err := range atRoot.List(t.Context(), "so") {
		require.NoError(t, err)
		assert.Equal(t, "soap", c.Name)
		return
	}
	t.Error("the lease soap is not listed")
}

type countingLists struct {
	API
	lists *int
	after func() // each page
}

func (c countingLists) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, opts ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	*c.lists++
	out, err := c.API.ListObjectsV2(ctx, in, opts...)
	if err == nil && !aws.ToBool(out.IsTruncated) {
		c.after()
	}
	return out, err
}
