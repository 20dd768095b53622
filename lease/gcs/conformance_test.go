package gcs

import (
	"context"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/leasetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	emulator.Need(t, emulator.GCS)
	leasetest.TestStore(t, func(t testing.TB) lease.Store { return NewStore(connect(t), bucket(t)) })
}

func TestManager(t *testing.T) {
	t.Parallel()
	emulator.Need(t, emulator.GCS)
	leasetest.TestManager(t, leasetest.Harness{
		Age: true,
		Open: func(t testing.TB) leasetest.Place {
			counter := new(wire.Counter) // an upload is a POST, a read a GET
			counted := connect(t, option.WithHTTPClient(counter.Client()))
			plain := sdk(t)
			name := bucket(t)
			s := NewStore(plain, name)
			return leasetest.Place{
				Manager: func() lease.Manager { return New(counted, name) },
				Store:   s,
				Delete: func(ctx context.Context, lease string) error {
					return plain.Bucket(name).Object(s.objectOf(lease)).Delete(ctx)
				},
				Requests: counter.Counts,
			}
		},
	})
}

// connect returns a client as a program has it that wants the service's time.
func connect(t testing.TB, opts ...option.ClientOption) *storage.Client {
	t.Helper()
	client, err := NewClient(t.Context(), opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// sdk returns the SDK's own client.
func sdk(t testing.TB) *storage.Client {
	t.Helper()
	client, err := storage.NewClient(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

func bucket(t testing.TB) string {
	t.Helper()
	name := emulator.Name(t)
	require.NoError(t, sdk(t).Bucket(name).Create(t.Context(), "p", nil))
	return name
}
