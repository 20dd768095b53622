package gcs

import (
	"testing"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"
)

// A client that speaks gRPC is refused at the first call, whatever options it has. It is one without a server: no request of
// a lease is sent.
func TestGRPCClientIsRefused(t *testing.T) {
	t.Parallel()
	for what, opts := range map[string][]option.ClientOption{
		"plain": nil, "with bidirectional reads": {storage.WithGRPCBidiReads()},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			opts := append(opts, option.WithEndpoint("127.0.0.1:1"), option.WithoutAuthentication(), storage.WithDisabledClientMetrics())
			client, err := storage.NewGRPCClient(t.Context(), opts...)
			require.NoError(t, err)
			wantMisconfigured(t, NewStore(client, "b"), "speaks gRPC", "gcs.NewClient")
			require.NoError(t, client.Close())
		})
	}
}

// A client without insides is no panic.
func TestClientWithoutInsides(t *testing.T) {
	t.Parallel()
	wantMisconfigured(t, NewStore(new(storage.Client), "b"), "gcs.NewClient")
}
