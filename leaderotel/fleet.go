package leaderotel

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/cloudlease/leader/fleet"
)

const (
	keyFleet     = attribute.Key("leader.fleet.name")
	keyPartState = attribute.Key("leader.fleet.part.state")
)

// partStates has all states of a part.
var partStates = []fleet.PartState{fleet.Working, fleet.Stopping, fleet.Failed, fleet.Done}

// FleetMetrics has the metrics of one node of a fleet. Make it with NewFleet. For several, make one for each, with the same
// provider. It is safe for concurrent use.
type FleetMetrics struct {
	fleetInstruments
	store        string
	registration metric.Registration

	mu       sync.Mutex
	fleet    *fleet.Fleet // nil: none is watched
	planned  int          // parts in the latest plan
	counting bool         // the counters show their zeros
}

// NewFleet makes the instruments for a node of a fleet. Otherwise it is as [New].
func NewFleet(provider metric.MeterProvider, opts ...Option) (*FleetMetrics, error) {
	meter, settings, err := meterOf(provider, opts)
	if err != nil {
		return nil, err
	}
	m := &FleetMetrics{store: settings.store}
	if m.fleetInstruments, err = newFleetInstruments(meter); err != nil {
		return nil, fmt.Errorf("leaderotel: make the instruments: %w", err)
	}
	m.registration, err = meter.RegisterCallback(m.collect, m.parts, m.planParts, m.epoch, m.age, m.seated, m.coordinates, m.healthy, m.unplaced)
	if err != nil {
		return nil, fmt.Errorf("leaderotel: register the gauges: %w", err)
	}
	return m, nil
}

// Watch sets the Fleet that the gauges show: the one made with fleet.WithObserver(m.Observe). Without one, or with nil, there are no
// gauges.
func (m *FleetMetrics) Watch(f *fleet.Fleet) {
	m.mu.Lock()
	m.fleet = f
	m.mu.Unlock()
	if f != nil {
		s := f.Status()
		m.begin(m.attributes(s.Fleet, s.Node))
	}
}

// Close ends the gauges. After that, the provider keeps only what the counters have counted. It may be called again.
func (m *FleetMetrics) Close() error { return unregister(m.registration) }

// Observe counts an event of the Fleet. Pass it to fleet.WithObserver.
func (m *FleetMetrics) Observe(event fleet.Event) {
	count := func(c metric.Int64Counter, n int, o fleet.Origin) {
		base := m.attributes(o.Fleet, o.Node)
		m.begin(base)
		c.Add(context.Background(), int64(n), metric.WithAttributes(base...))
	}
	switch e := event.(type) {
	case fleet.PlanEvent:
		m.mu.Lock()
		m.planned = e.Parts
		m.mu.Unlock()
	case fleet.MovesEvent:
		count(m.moves, e.Moves, e.Origin)
	case fleet.PartEvent:
		if e.To == fleet.Failed && !e.Gone {
			count(m.failures, 1, e.Origin)
		}
	case fleet.SeatEvent:
		if !e.Held && e.Err != nil && !errors.Is(e.Err, fleet.ErrStopTimeout) {
			count(m.losses, 1, e.Origin)
		}
	case fleet.TroubleEvent:
		count(m.troubles, 1, e.Origin)
	}
}

// begin makes the counters show zeros, so that their first increase is visible, too.
func (m *FleetMetrics) begin(base []attribute.KeyValue) {
	m.mu.Lock()
	counting := m.counting
	m.counting = true
	m.mu.Unlock()
	if counting {
		return
	}
	for _, c := range []metric.Int64Counter{m.moves, m.failures, m.losses, m.troubles} {
		c.Add(context.Background(), 0, metric.WithAttributes(base...))
	}
}

// collect sets the values of the gauges.
func (m *FleetMetrics) collect(_ context.Context, to metric.Observer) error {
	m.mu.Lock()
	f, planned := m.fleet, m.planned
	m.mu.Unlock()
	if f == nil {
		return nil
	}
	s := f.Status()
	base := m.attributes(s.Fleet, s.Node)
	attributes := metric.WithAttributes(base...)
	counts := map[fleet.PartState]int64{}
	for _, p := range s.Parts {
		counts[p.State]++
	}
	for _, state := range partStates {
		to.ObserveInt64(m.parts, counts[state], metric.WithAttributes(append(base, keyPartState.String(state.String()))...))
	}
	to.ObserveInt64(m.seated, asNumber(s.Token != 0), attributes)
	to.ObserveInt64(m.coordinates, asNumber(s.Coordinates), attributes)
	to.ObserveInt64(m.healthy, asNumber(s.Health == nil && s.Err == nil), attributes)
	if s.Epoch > 0 {
		to.ObserveInt64(m.epoch, int64(s.Epoch), attributes)
		to.ObserveInt64(m.planParts, int64(planned), attributes)
	}
	if s.Running {
		to.ObserveFloat64(m.age, s.Heard.Seconds(), attributes)
	}
	if s.Coordinates {
		to.ObserveInt64(m.unplaced, int64(len(s.Unplaced)), attributes)
	}
	return nil
}

func asNumber(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

// attributes returns the attributes of every metric, with room for more.
func (m *FleetMetrics) attributes(fleet, node string) []attribute.KeyValue {
	return withStore(m.store, keyFleet.String(fleet), keyNode.String(node))
}
