package oteltest

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease/memory"
)

func origin() leader.Origin { return leader.Origin{Lease: name, Node: "a", At: time.Now()} }

// A look is a request, but no renewal; one that the manager does not offer is none.
func TestLooks(t *testing.T) {
	inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
		a := newNode(t, provider, "a", memory.New()).run()
		time.Sleep(time.Second)
		a.metrics.Observe(leader.RequestEvent{Origin: origin(), Op: leader.OpInspect, Took: time.Millisecond})
		require.Equal(t, 1.0, r.value("leader.renewal.age"), "a look renews nothing")
		a.metrics.Observe(leader.RequestEvent{Origin: origin(), Op: leader.OpInspect, Err: errDown})
		a.metrics.Observe(leader.RequestEvent{Origin: origin(), Op: leader.OpInspect, Err: errors.ErrUnsupported})
		require.Equal(t, 2.0, r.value("leader.request.duration", "leader.request.operation", "inspect"))
		require.Equal(t, 1.0, r.value("leader.request.failures", "leader.request.operation", "inspect"))
		a.end()
	})
}

func TestDroppedEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
		a := newNode(t, provider, "a", memory.New()).run()
		require.Len(t, r.points("leader.events.dropped", "leader.lease.name", name), 1)
		for range 2 {
			a.metrics.Observe(leader.DroppedEvent{Origin: origin(), Count: 20})
		}
		require.Equal(t, 40.0, r.value("leader.events.dropped"))
		a.end()
	})
}

// Alerts compare with the length. Health is the node's alone.
func TestLengthAndHealth(t *testing.T) {
	inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
		var sick atomic.Bool
		a := newNode(t, provider, "a", memory.New())
		a.health = func() error {
			if sick.Load() {
				return errDown
			}
			return nil
		}
		require.Equal(t, length.Seconds(), r.value("leader.lease.length"))
		a.run()
		require.Equal(t, 1.0, r.value("leader.node.healthy"))
		sick.Store(true)
		time.Sleep(every)
		require.Len(t, r.points("leader.node.healthy"), 1)
		require.Zero(t, r.value("leader.node.healthy"))
		sick.Store(false)
		time.Sleep(time.Minute)
		require.Equal(t, 1.0, r.value("leader.node.healthy"))
		a.end()
	})
}
