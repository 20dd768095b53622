package oteltest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leaderotel"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

func TestGauges(t *testing.T) {
	inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
		manager := &faulty{Manager: memory.New()}
		a := newNode(t, provider, "a", manager)
		gauges := func() (active, remaining, age []point) {
			return r.points("leader.term.active"), r.points("leader.term.remaining"), r.points("leader.renewal.age")
		}
		idle := func(why string) {
			active, remaining, age := gauges()
			require.Len(t, active, 1, why)
			require.Zero(t, active[0].value, why)
			require.Empty(t, remaining, why)
			require.Empty(t, age, why)
		}
		leads := func(remaining, age time.Duration) {
			t.Helper()
			require.Equal(t, 1.0, r.value("leader.term.active"))
			require.InDelta(t, remaining.Seconds(), r.value("leader.term.remaining"), 1e-6)
			require.InDelta(t, age.Seconds(), r.value("leader.renewal.age"), 1e-6)
		}
		idle("before Run")
		a.run()
		leads(13500*time.Millisecond, 0)
		time.Sleep(3 * time.Second)
		leads(10500*time.Millisecond, 3*time.Second)

		// A renewal that takes a while counts from when it was sent, and not before it succeeds.
		manager.set(nil, time.Second)
		time.Sleep(2500 * time.Millisecond)
		leads(8*time.Second, 5500*time.Millisecond)
		time.Sleep(time.Second)
		leads(12*time.Second, 1500*time.Millisecond)

		manager.set(errDown, 0)
		time.Sleep(11999 * time.Millisecond)
		leads(time.Millisecond, 13499*time.Millisecond)
		time.Sleep(time.Millisecond)
		idle("its work is still stopping")
		manager.set(nil, 0)
		time.Sleep(2 * length)
		require.Equal(t, 1.0, r.value("leader.term.active"))

		a.stop()
		time.Sleep(9 * time.Second)
		require.Equal(t, 1.0, r.value("leader.term.active"), "the lease is kept until the work has returned")
		time.Sleep(time.Second)
		idle("after Run")
		a.end()
		require.Empty(t, r.points("leader.term.active"))
	})
}

// A leader that slept is none at the first look.
func TestGaugesAfterASuspension(t *testing.T) {
	inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
		a := newNode(t, provider, "a", memory.New()).run()
		require.Equal(t, 1.0, r.value("leader.term.active"))
		a.machine.Suspend()
		time.Sleep(time.Hour)
		a.machine.Resume()
		require.Zero(t, r.value("leader.term.active"))
		require.Empty(t, r.points("leader.term.remaining"))
		a.end()
	})
}

func TestTermsAndLosses(t *testing.T) {
	for _, test := range []struct {
		name   string
		happen func(n *node, m *faulty)
		reason string // empty: no loss
		terms  float64
	}{
		{"expired", func(_ *node, m *faulty) { m.set(errDown, 0) }, "expired", 2},
		{"suspended", func(n *node, _ *faulty) {
			n.machine.Suspend()
			time.Sleep(time.Hour)
			n.machine.Resume()
		}, "expired", 2},
		{"taken", func(_ *node, m *faulty) { m.Manager.(*memory.Manager).AssignLeader(name, "somebody else") }, "taken", 2},
		{"released", func(_ *node, m *faulty) {
			m.set(&lease.LostError{Name: name, Token: 1, Reason: lease.LostReleased}, 0)
		}, "released", 2},
		{"gone", func(_ *node, m *faulty) { m.set(&lease.LostError{Name: name, Token: 1, Reason: lease.LostGone}, 0) }, "gone", 2},
		{"a reason of somebody else's manager", func(_ *node, m *faulty) {
			m.set(&lease.LostError{Name: name, Token: 1, Reason: "eaten by a grue"}, 0)
		}, "_OTHER", 2},
		{"another lease's loss is none of this one", func(n *node, m *faulty) {
			n.metrics.Observe(leader.StateEvent{Origin: leader.Origin{Lease: name, Node: "a"}, Cause: &lease.LostError{Name: "bills"}})
		}, "", 1},
		{"stepped down", func(n *node, _ *faulty) { _ = n.StepDown(context.Background()) }, "", 2},
		{"acquired too late, after it stepped down", func(n *node, m *faulty) {
			_ = n.StepDown(context.Background())
			m.set(nil, length)
			time.Sleep(length + time.Second)
			n.machine.Suspend() // while it asks for the lease
			m.set(nil, 0)
			time.Sleep(length - 2*time.Second)
			n.machine.Resume()
		}, "", 2},
		{"taken while it steps down", func(n *node, m *faulty) {
			go func() { _ = n.StepDown(context.Background()) }()
			time.Sleep(time.Second)
			m.Manager.(*memory.Manager).AssignLeader(name, "somebody else")
		}, "taken", 2},
		{"stopped", func(n *node, _ *faulty) { n.stop() }, "", 1},
		{"taken while it stops", func(n *node, m *faulty) {
			n.stop()
			m.Manager.(*memory.Manager).AssignLeader(name, "somebody else")
		}, "taken", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
				m := &faulty{Manager: memory.New()}
				a := newNode(t, provider, "a", m)
				require.Len(t, r.points("leader.terms"), 1, "zero shows, or the first increase would not")
				require.Len(t, r.points("leader.term.losses"), 4)
				require.Zero(t, r.value("leader.terms")+r.value("leader.term.losses"))
				a.run()
				time.Sleep(time.Minute)
				require.Equal(t, 1.0, r.value("leader.terms"))
				require.Zero(t, r.value("leader.term.losses"))
				test.happen(a, m)
				time.Sleep(time.Minute)
				if test.reason == "" {
					require.Zero(t, r.value("leader.term.losses"))
				} else {
					require.Equal(t, 1.0, r.value("leader.term.losses"), "once, whatever tells of it")
					require.Equal(t, 1.0, r.value("leader.term.losses", "leader.loss.reason", test.reason))
				}
				m.set(nil, 0)
				m.Manager.(*memory.Manager).AssignLeader(name, "")
				time.Sleep(time.Minute)
				require.Equal(t, test.terms, r.value("leader.terms"))
				a.end()
			})
		})
	}
}

func TestRequests(t *testing.T) {
	inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
		m := &faulty{Manager: memory.New()}
		m.set(nil, 30*time.Millisecond)
		a := newNode(t, provider, "a", m).run()
		time.Sleep(time.Second)
		b := newNode(t, provider, "b", m).run()
		time.Sleep(20*time.Second + 500*time.Millisecond)
		duration := func(node, operation string) point {
			t.Helper()
			points := r.points("leader.request.duration", "leader.node.id", node, "leader.request.operation", operation)
			require.Len(t, points, 1)
			require.InDelta(t, 0.03*points[0].value, points[0].sum, 1e-6)
			return points[0]
		}
		require.Equal(t, 1.0, duration("a", "acquire").value)
		require.Equal(t, 4.0, duration("a", "renew").value)
		require.InDelta(t, 5, duration("b", "acquire").value, 1, "polls, with their jitter")
		require.Empty(t, r.points("leader.request.failures"), "a lease that is held is an answer")

		m.set(errDown, 30*time.Millisecond)
		time.Sleep(every + time.Second)
		require.Positive(t, r.value("leader.request.failures", "leader.node.id", "a", "leader.request.operation", "renew", "error.type", "_OTHER"))
		require.Positive(t, r.value("leader.request.failures", "leader.node.id", "b", "leader.request.operation", "acquire", "error.type", "_OTHER"))
		m.set(nil, 30*time.Millisecond)
		time.Sleep(time.Minute)
		a.end()
		require.Equal(t, 1.0, duration("a", "release").value)
		b.end()
	})
}

// Every error is one of a few words, so that no error's text makes a time series.
func TestErrorTypes(t *testing.T) {
	types := map[string][]error{
		"misconfigured": {lease.ErrMisconfigured, fmt.Errorf("%w: %w", lease.ErrMisconfigured, context.DeadlineExceeded)},
		"record":        {lease.ErrRecord},
		"invalid":       {lease.ErrInvalid},
		"conflict":      {lease.ErrConflict},
		"timeout":       {context.DeadlineExceeded, os.ErrDeadlineExceeded, &net.DNSError{IsTimeout: true}},
		"canceled":      {context.Canceled},
		"_OTHER":        {errDown, &net.DNSError{}},
	}
	for i := range 1000 {
		types["_OTHER"] = append(types["_OTHER"], fmt.Errorf("request %d failed", i))
	}
	inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
		n := newNode(t, provider, "a", memory.New())
		for _, errs := range types {
			for _, err := range errs {
				n.metrics.Observe(leader.RequestEvent{Origin: leader.Origin{Lease: name, Node: "a"}, Op: leader.OpRenew, Err: fmt.Errorf("some text: %w", err)})
			}
		}
		require.Len(t, r.points("leader.request.failures"), len(types))
		for kind, errs := range types {
			require.Equal(t, float64(len(errs)), r.value("leader.request.failures", "error.type", kind), kind)
		}
		for _, err := range []error{nil, lease.ErrHeld, lease.ErrLost, &lease.HeldError{}, &lease.LostError{}} {
			n.metrics.Observe(leader.RequestEvent{Op: leader.OpRenew, Err: err})
		}
		require.Len(t, r.points("leader.request.failures"), len(types), "an answer that is clear is no failure")
		require.NoError(t, n.metrics.Close())
	})
}

// Two leaders of one process have separate series. To close one leaves the other's gauges.
func TestSeveralLeaders(t *testing.T) {
	inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
		manager := memory.New()
		a := newNode(t, provider, "a", manager, leaderotel.WithStore("mem:")).run()
		b := newNode(t, provider, "b", manager).run()
		time.Sleep(time.Minute)
		require.Len(t, r.points("leader.term.active"), 2)
		require.Equal(t, 1.0, r.value("leader.term.active", "leader.node.id", "a", "leader.lease.name", name))
		require.Zero(t, r.value("leader.term.active", "leader.node.id", "b"))
		for _, m := range r.all() {
			for _, p := range pointsOf(m) {
				require.Equal(t, name, p.get("leader.lease.name"), m.Name)
				require.Contains(t, []string{"a", "b"}, p.get("leader.node.id"), m.Name)
				require.Equal(t, p.get("leader.node.id") == "a", p.attributes.HasValue("leader.store.name"), m.Name)
			}
		}
		a.end()
		require.NoError(t, a.metrics.Close(), "again")
		require.Empty(t, r.points("leader.term.active", "leader.node.id", "a"))
		require.Len(t, r.points("leader.term.active", "leader.node.id", "b"), 1)
		time.Sleep(time.Minute)
		require.Equal(t, 1.0, r.value("leader.term.active", "leader.node.id", "b"))
		require.Equal(t, 1.0, r.value("leader.terms", "leader.node.id", "a"), "what was counted stays")
		b.end()
	})
}

// What the package's comment has in its table.
func TestUnitsAndKinds(t *testing.T) {
	inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
		m := &faulty{Manager: memory.New()}
		a := newNode(t, provider, "a", m).run()
		m.set(errDown, 0)
		time.Sleep(every + time.Second)
		got := map[string]string{}
		for _, metric := range r.all() {
			kind := "gauge"
			switch data := metric.Data.(type) {
			case metricdata.Sum[int64]:
				require.True(t, data.IsMonotonic)
				kind = "counter"
			case metricdata.Histogram[float64]:
				kind = "histogram"
				require.Equal(t, []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20}, data.DataPoints[0].Bounds)
			}
			got[metric.Name] = kind + " " + metric.Unit
			require.NotEmpty(t, metric.Description)
		}
		require.Equal(t, map[string]string{
			"leader.term.active": "gauge {term}", "leader.term.remaining": "gauge s", "leader.renewal.age": "gauge s",
			"leader.lease.length": "gauge s", "leader.lease.token": "gauge {term}", "leader.node.healthy": "gauge {node}", "leader.node.standby": "gauge {node}",
			"leader.terms": "counter {term}", "leader.term.losses": "counter {term}", "leader.events.dropped": "counter {event}",
			"leader.request.duration": "histogram s", "leader.request.failures": "counter {request}",
		}, got)
		m.set(nil, 0)
		a.end()
	})
}

// A real Leader's events have a monotonic reading, by which the age of a renewal is counted. A bubble's have none.
func TestAgeIsByTheMonotonicClock(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	times := make(chan time.Time, 100)
	err := leader.New(
		leader.WithLeaseManager(memory.New()), leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WithObserver(func(e leader.Event) {
			if q, ok := e.(leader.RequestEvent); ok {
				times <- q.At.Add(-q.Took)
			}
		}),
		leader.WhenStarted(func(ctx context.Context) error { stop(); <-ctx.Done(); return nil }),
	).Run(ctx)
	require.NoError(t, err)
	require.Contains(t, (<-times).String(), " m=")
}

func TestWithoutAProvider(t *testing.T) {
	before := otel.GetMeterProvider()
	defer otel.SetMeterProvider(before)
	r := sdk.NewManualReader()
	otel.SetMeterProvider(sdk.NewMeterProvider(sdk.WithReader(r)))
	m, err := leaderotel.New(nil)
	require.NoError(t, err)
	m.Watch(leader.New())
	var data metricdata.ResourceMetrics
	require.NoError(t, r.Collect(t.Context(), &data))
	require.Len(t, data.ScopeMetrics, 1)
	require.NoError(t, m.Close())
}

// Without Watch, and after Close, there is nothing to look at.
func TestUnwatched(t *testing.T) {
	inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
		m, err := leaderotel.New(provider)
		require.NoError(t, err)
		require.Empty(t, r.points("leader.term.active"))
		m.Watch(leader.New())
		require.Len(t, r.points("leader.term.active"), 1)
		m.Watch(nil)
		require.Empty(t, r.points("leader.term.active"))
		m.Watch(leader.New())
		require.Len(t, r.points("leader.term.active"), 1)
		require.NoError(t, m.Close())
		require.Empty(t, r.points("leader.term.active"))
	})
}

// Without Observe, the gauges show what the Leader knows, but not the age of a renewal.
func TestUnobserved(t *testing.T) {
	inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
		m, err := leaderotel.New(provider)
		require.NoError(t, err)
		l := leader.New(
			leader.WithLogger(slog.New(slog.DiscardHandler)), leader.WithLeaseManager(memory.New()),
			leader.WhenStarted(func(context.Context) error {
				assert.Len(t, r.points("leader.term.remaining"), 1)
				assert.Empty(t, r.points("leader.renewal.age"))
				return nil
			}),
		)
		m.Watch(l)
		require.NoError(t, l.Run(t.Context()))
		require.NoError(t, m.Close())
	})
}
