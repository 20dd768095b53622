package gcs

import (
	"testing"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"
)

// A client that speaks gRPC is refused at the first call. It is one without a server: no request of a lease is sent.
func TestGRPCClientIsRefused(t *testing.T) {
	t.Parallel()
	client, err := storage.NewGRPCClient(t.Context(), option.WithEndpoint("127.0.0.1:1"), option.WithoutAuthentication(), storage.WithDisabledClientMetrics())
	require.NoError(t, err)
	wantMisconfigured(t, NewStore(client, "b"), "speaks gRPC", "gcs.NewClient")
	require.NoError(t, client.Close())
}

// A client without insides is no panic.
func TestClientWithoutInsides(t *testing.T) {
	t.Parallel()
	wantMisconfigured(t, NewStore(new(storage.Client), "b"), "gcs.NewClient")
}
