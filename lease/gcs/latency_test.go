package gcs

import (
	"testing"

	"github.com/cloudlease/leader/internal/scenario"
)

func TestLatency(t *testing.T) {
	t.Parallel()
	proxy, client := newProxy(t)
	bucket := newBucket(t)
	scenario.Latency(t, "slow", proxy, New(client, bucket), New(connect(t), bucket))
}
