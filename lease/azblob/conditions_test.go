package azblob

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// gateway passes requests on without their If-Match, as a cache may that asks for itself
// (https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header). It calls meanwhile before the first Acquire Lease.
type gateway struct {
	*link
	meanwhile func()
}

func (g *gateway) RoundTrip(r *http.Request) (*http.Response, error) {
	if before := g.meanwhile; before != nil && get(r, "X-Ms-Lease-Action") == "acquire" {
		g.meanwhile = nil
		before()
	}
	r = r.Clone(r.Context())
	r.Header.Del("If-Match")
	return g.link.RoundTrip(r)
}

// R5: a lease that was granted for another record than was seen is given back: its token would be one that another node has had.
func TestAcquireThroughAGatewayThatDropsIfMatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		azure := &fakeAzure{}
		direct := (&link{azure: azure}).manager(t)
		first := acquire(t, direct, "orders", "first")
		require.NoError(t, direct.Release(t.Context(), first))

		var second lease.Lease
		g := &gateway{link: &link{azure: azure}, meanwhile: func() {
			second = acquire(t, direct, "orders", "second")
			require.NoError(t, direct.Release(t.Context(), second))
		}}
		_, err := managerBy(t, g).Acquire(t.Context(), request("orders", "third"))
		require.ErrorIs(t, err, lease.ErrMisconfigured)
		require.ErrorContains(t, err, `granted for the ETag "0x3", and was asked for "0x2": go round the proxy`)

		third := acquire(t, direct, "orders", "third")
		require.Equal(t, []uint64{1, 2, 3}, []uint64{first.Token, second.Token, third.Token})
	})
}
