package gcs

import (
	"context"
	"net/http"
	"os"
	"testing"

	"google.golang.org/api/option"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/scenario"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/leasetest"
)

// hasty is a store on the emulator, which takes writes as fast as they come. So the suite does not pause between two of them.
type hasty struct{ *Store }

func (hasty) Limits() lease.Limits { return lease.Limits{} }

func hasten(s *Store) lease.Store {
	if os.Getenv("STORAGE_EMULATOR_HOST") == "" {
		return s
	}
	return hasty{s}
}

func TestStore(t *testing.T) {
	t.Parallel()
	emulator.Need(t, emulator.GCS)
	leasetest.TestStores(t, func(t testing.TB) func() lease.Store {
		bucket := newBucket(t)
		return func() lease.Store { return hasten(NewStore(connect(t), bucket, WithPrefix("leases/"))) }
	})
}

func TestManager(t *testing.T) {
	t.Parallel()
	emulator.Need(t, emulator.GCS)
	leasetest.TestManager(t, leasetest.Harness{Age: true, Open: func(t testing.TB) leasetest.Place {
		counter := new(wire.Counter) // an upload is a POST, a read a GET
		counted, plain, bucket := connect(t, option.WithHTTPClient(&http.Client{Transport: service{counter}})), sdk(t), newBucket(t)
		s := NewStore(plain, bucket)
		return leasetest.Place{
			Manager: func() lease.Manager { return lease.NewManager(hasten(NewStore(counted, bucket, WithAge()))) },
			Store:   hasten(s),
			Delete: func(ctx context.Context, name string) error {
				return plain.Bucket(bucket).Object(s.objectOf(name)).Delete(ctx)
			},
			Requests: counter.Counts,
			Slow: func(answered func() error) lease.Manager {
				late := &http.Client{Transport: service{&wire.Counter{Answered: answered}}}
				return lease.NewManager(hasten(NewStore(connect(t, option.WithHTTPClient(late)), bucket, WithAge())))
			},
		}
	}})
}

func TestScenario(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	scenario.Run(t, scenario.Place{
		Connect: func(t testing.TB) (lease.Manager, func()) {
			proxy, client := newProxy(t)
			return New(client, bucket, WithAge()), func() {
				proxy.OnEvery(wire.Stall(wire.Before))
			}
		},
		Token: func(t testing.TB, name string) uint64 {
			data, _ := get(t, sdk(t).Bucket(bucket).Object(name))
			return scenario.TokenIn(t, []byte(data))
		},
		Age: true,
	})
}
