package s3

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/scenario"
	"github.com/cloudlease/leader/lease"
)

func TestLatency(t *testing.T) {
	t.Parallel()
	proxy, client := newProxy(t)
	bucket := newBucket(t)
	scenario.Latency(t, "slow", proxy, New(client, bucket), New(newClient(t), bucket))
}

// A name that nobody resolves is the network's trouble, which may pass.
func TestUnknownHost(t *testing.T) {
	pristine(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	m, err := lease.Open(t.Context(), "s3://bucket?region=eu-west-1&endpoint=http://nobody.invalid&path_style=true")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = m.Acquire(ctx, request("a", "b", time.Minute))
	var dns *net.DNSError
	require.ErrorAs(t, err, &dns)
	require.NotErrorIs(t, err, lease.ErrMisconfigured)
}
