package dynamodb

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
	client, _ := newClient(t)
	proxy, through := proxied(t)
	table := newTable(t, client)
	slow, _ := newClient(t, through)
	scenario.Latency(t, "slow", proxy, New(slow, table), New(client, table))
}

// A name that nobody resolves is the network's trouble, which may pass.
func TestUnknownHost(t *testing.T) {
	isolated(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	m, err := lease.Open(t.Context(), "dynamodb://leases?region=eu-west-1&endpoint=http://nobody.invalid")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = m.Acquire(ctx, lease.Request{Name: "a", Holder: "b", Length: time.Minute})
	var dns *net.DNSError
	require.ErrorAs(t, err, &dns)
	require.NotErrorIs(t, err, lease.ErrMisconfigured)
}
