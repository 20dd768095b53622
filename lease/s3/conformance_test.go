package s3

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/scenario"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/leasetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	leasetest.TestStores(t, func(t testing.TB) func() lease.Store {
		return func() lease.Store { return NewStore(newClient(t), bucket) }
	})
}

// TestStoreWithPrefix has a prefix that is not a folder, and pages that a list goes through many of.
func TestStoreWithPrefix(t *testing.T) {
	t.Parallel()
	client, bucket := newClient(t), newBucket(t)
	leasetest.TestStore(t, func(t testing.TB) lease.Store {
		return NewStore(client, bucket, WithPrefix("my leases/of-"), func(s *Store) { s.pageSize = 16 })
	})
}

func TestManager(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	leasetest.TestManager(t, leasetest.Harness{
		Age: true,
		Open: func(t testing.TB) leasetest.Place {
			counter := &wire.Counter{}
			client := newClient(t, func(o *s3.Options) { o.HTTPClient = counter.Client() })
			s := NewStore(newClient(t), bucket, WithPrefix("leases/"), WithAge())
			return leasetest.Place{
				Manager: func() lease.Manager { return New(client, bucket, WithPrefix("leases/"), WithAge()) },
				Store:   s,
				Delete: func(ctx context.Context, name string) error {
					key := s.keyOf(name)
					_, err := newClient(t).DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
					return err
				},
				Requests: counter.Counts,
				Slow: func(answered func() error) lease.Manager {
					late := &wire.Counter{Answered: answered}
					client := newClient(t, func(o *s3.Options) { o.HTTPClient = late.Client() })
					return New(client, bucket, WithPrefix("leases/"), WithAge())
				},
			}
		},
	})
}

// TestRequests is R7: this, and nothing else, is sent.
func TestRequests(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	counter := &wire.Counter{}
	m := New(newClient(t, func(o *s3.Options) { o.HTTPClient = counter.Client() }), bucket)
	sent := func() string {
		var methods []string
		for _, r := range counter.Requests() {
			methods = append(methods, r.Method)
		}
		return strings.Join(methods, " ")
	}
	var held lease.Lease
	all := ""
	for _, step := range []struct {
		name, sends string
		call        func() error
	}{
		{"acquire", "GET PUT", func() (err error) {
			held, err = m.Acquire(t.Context(), request("a", "one", time.Minute))
			return err
		}},
		{"poll", "GET", func() error {
			_, err := m.Acquire(t.Context(), request("a", "two", time.Minute))
			assert.ErrorIs(t, err, lease.ErrHeld)
			return nil
		}},
		{"renew", "PUT", func() (err error) { held, err = m.Renew(t.Context(), held); return err }},
		{"release", "PUT", func() error { return m.Release(t.Context(), held) }},
		{"acquire what was released", "GET PUT", func() (err error) {
			held, err = m.Acquire(t.Context(), request("a", "two", time.Minute))
			return err
		}},
	} {
		require.NoError(t, step.call(), step.name)
		all = strings.TrimSpace(all + " " + step.sends)
		require.Equal(t, all, sent(), step.name)
	}
}

// A write is one plain request: what other servers than Amazon's do not understand is not in it, also over TLS.
func TestWriteIsPlain(t *testing.T) {
	t.Parallel()
	var seen []*http.Request
	client := newAnswers(t, wire.Reply(http.StatusOK, nil, ""), func(o *s3.Options) {
		o.BaseEndpoint = nil
		o.HTTPClient = roundTrip(func(r *http.Request) (*http.Response, error) {
			seen = append(seen, r)
			return written(r), nil
		})
	})
	_, err := NewStore(client, "bucket").Swap(t.Context(), "a", "", []byte("x"))
	require.NoError(t, err)
	require.Len(t, seen, 1)
	assert.Equal(t, "https", seen[0].URL.Scheme)
	assert.Equal(t, "*", seen[0].Header.Get("If-None-Match"))
	assert.Equal(t, "UNSIGNED-PAYLOAD", seen[0].Header.Get("X-Amz-Content-Sha256"), "not a word for a stream")
	assert.Empty(t, seen[0].Header.Get("Content-Encoding"))
	assert.Empty(t, seen[0].Header.Get("X-Amz-Trailer"))
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) Do(r *http.Request) (*http.Response, error) { return f(r) }

// TestScenario has the emulator to itself, as other tests' load makes its requests take longer than a short lease allows:
// it does not run in parallel.
func TestScenario(t *testing.T) {
	plain, bucket := newClient(t), newBucket(t)
	scenario.Run(t, scenario.Place{
		Age: true,
		Connect: func(t testing.TB) (lease.Manager, func()) {
			proxy, client := newProxy(t)
			return New(client, bucket, WithAge()), proxy.Refuse
		},
		Token: func(t testing.TB, name string) uint64 {
			_, record, _ := strings.Cut(get(t, plain, bucket, name), "\n")
			return scenario.TokenIn(t, []byte(record))
		},
	})
}
