package azblob

import (
	"testing"

	"github.com/cloudlease/leader/internal/scenario"
)

func TestLatency(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	slow, proxy := p.proxied(t)
	healthy, _ := p.proxied(t)
	scenario.Latency(t, "slow", proxy, slow, healthy)
}
