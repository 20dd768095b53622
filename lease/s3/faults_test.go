package s3

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// faults are the faults of a request. With the last two, the call's context ends.
var faults = []struct {
	name   string
	fault  wire.Fault
	silent bool
}{
	{"cut before", wire.Cut(wire.Before), false},
	{"cut after", wire.Cut(wire.After), false},
	{"reset before", wire.Reset(wire.Before), false},
	{"reset after", wire.Reset(wire.After), false},
	{"silence before", wire.Stall(wire.Before), true},
	{"silence after", wire.Stall(wire.After), true},
}

// eachFault runs a test for each fault at each of a call's requests, each time on a new bucket and connection.
func eachFault(t *testing.T, requests int, test func(t *testing.T, f faulty)) {
	bucket := newBucket(t)
	for k := 1; k <= requests; k++ {
		for _, f := range faults {
			t.Run(fmt.Sprintf("%s, request %d", f.name, k), func(t *testing.T) {
				t.Parallel()
				proxy, client := newProxy(t)
				test(t, faulty{
					name: fmt.Sprintf("%s %d", f.name, k), manager: New(client, bucket), other: New(newClient(t), bucket), silent: f.silent, strike: func() <-chan struct{} { return proxy.OnRequest(k, f.fault) },
				})
			})
		}
	}
}

type faulty struct {
	name    string // of the lease
	manager lease.Manager
	other   lease.Manager          // on a healthy connection
	strike  func() <-chan struct{} // breaks one of the next call's requests
	silent  bool                   // whether it is one that the call's context ends with
}

// call has one request of a call broken. It fails unless the fault struck, and if the context ends then, the call does.
func (f faulty) call(t *testing.T, call func(ctx context.Context) error) error {
	t.Helper()
	struck := f.strike()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- call(ctx) }()
	select {
	case <-struck:
	case <-time.After(30 * time.Second):
		t.Fatal("the fault did not strike")
	}
	if f.silent {
		cancel()
	}
	select {
	case err := <-result:
		if f.silent {
			require.ErrorIs(t, err, context.Canceled)
		}
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("the call does not return")
		return nil
	}
}

// wantHeld fails unless everybody else finds that the lease is held so.
func (f faulty) wantHeld(t *testing.T, held lease.Lease) {
	t.Helper()
	_, err := f.other.Acquire(t.Context(), request(f.name, "two", time.Minute))
	var by *lease.HeldError
	require.ErrorAs(t, err, &by)
	assert.Equal(t, held.ID, by.Info.ID)
	assert.Equal(t, held.Token, by.Info.Token)
}

// An acquisition either has the lease, or leaves it to the others (R4, R6).
func TestFaultsOfAcquire(t *testing.T) {
	t.Parallel()
	eachFault(t, 2, func(t *testing.T, f faulty) {
		var held lease.Lease
		err := f.call(t, func(ctx context.Context) (err error) {
			held, err = f.manager.Acquire(ctx, request(f.name, "one", time.Minute))
			return err
		})
		if f.silent {
			require.Error(t, err)
			_, err = f.other.Acquire(t.Context(), request(f.name, "two", time.Minute))
			require.NoError(t, err, "what may have been written is given back")
			return
		}
		require.NoError(t, err, "the client tries again")
		assert.Equal(t, uint64(1), held.Token)
		f.wantHeld(t, held)
		_, err = f.manager.Renew(t.Context(), held)
		require.NoError(t, err)
	})
}

// A renewal that is unclear is neither a success nor a lost lease (R4).
func TestFaultsOfRenew(t *testing.T) {
	t.Parallel()
	eachFault(t, 1, func(t *testing.T, f faulty) {
		held, err := f.manager.Acquire(t.Context(), request(f.name, "one", time.Minute))
		require.NoError(t, err)
		err = f.call(t, func(ctx context.Context) error {
			next, err := f.manager.Renew(ctx, held)
			if err == nil {
				held = next
			}
			return err
		})
		assert.Equal(t, f.silent, err != nil)
		require.NotErrorIs(t, err, lease.ErrLost)
		f.wantHeld(t, held)
		held, err = f.manager.Renew(t.Context(), held)
		require.NoError(t, err)
		f.wantHeld(t, held)
	})
}

// A release that is unclear is tried again, and takes the lease from nobody (R6).
func TestFaultsOfRelease(t *testing.T) {
	t.Parallel()
	eachFault(t, 1, func(t *testing.T, f faulty) {
		held, err := f.manager.Acquire(t.Context(), request(f.name, "one", time.Minute))
		require.NoError(t, err)
		err = f.call(t, func(ctx context.Context) error { return f.manager.Release(ctx, held) })
		if f.silent {
			require.Error(t, err)
			err = f.manager.Release(t.Context(), held)
			if lost, ok := errors.AsType[*lease.LostError](err); ok && lost.Reason == lease.LostReleased {
				err = nil // by the first try
			}
		}
		require.NoError(t, err)
		next, err := f.other.Acquire(t.Context(), request(f.name, "two", time.Minute))
		require.NoError(t, err)
		assert.Equal(t, held.Token+1, next.Token)
		require.ErrorIs(t, f.manager.Release(t.Context(), held), lease.ErrLost)
		held, err = f.other.Renew(t.Context(), next)
		require.NoError(t, err)
		assert.Equal(t, next.Token, held.Token)
	})
}

// A write that was given up lands when somebody else has written already: it changes nothing.
func TestWriteLandsLate(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	inner, healthy := newProxy(t)
	outer := wire.NewProxy(t, inner.URL())
	s := NewStore(healthy, bucket)
	late := NewStore(newClient(t, func(o *s3.Options) { o.BaseEndpoint = aws.String(outer.URL()) }), bucket)
	first, err := s.Swap(t.Context(), "a", "", []byte("first"))
	require.NoError(t, err)

	land := make(chan struct{})
	sent := outer.OnRequest(1, wire.Hold(wire.Before, land))
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := late.Swap(ctx, "a", first, []byte("late"))
		result <- err
	}()
	<-sent
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
	second, err := s.Swap(t.Context(), "a", first, []byte("second"))
	require.NoError(t, err)

	answered := inner.OnRequest(1, wire.Delay(wire.After, 0))
	close(land)
	<-answered
	got, err := s.Load(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, second, got.Version)
	assert.Equal(t, "second", string(got.Data))
}

// TestIdenticalWrites: S3's ETag is a hash of the content, so that without a nonce of the store's own, a write from a
// version that came back would be taken.
func TestIdenticalWrites(t *testing.T) {
	t.Parallel()
	client, bucket := newClient(t), newBucket(t)
	s := NewStore(client, bucket)
	first, err := s.Swap(t.Context(), "a", "", []byte("same"))
	require.NoError(t, err)
	second, err := s.Swap(t.Context(), "a", first, []byte("same"))
	require.NoError(t, err)
	assert.NotEqual(t, first, second)
	_, err = s.Swap(t.Context(), "a", first, []byte("other"))
	require.ErrorIs(t, err, lease.ErrConflict)
	remove(t, client, bucket, "a")
	_, err = s.Swap(t.Context(), "a", second, []byte("same"))
	require.ErrorIs(t, err, lease.ErrConflict)
	_, err = s.Swap(t.Context(), "a", "", []byte("same"))
	require.NoError(t, err)
}
