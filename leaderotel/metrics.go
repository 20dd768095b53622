package leaderotel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/absent"
	"github.com/cloudlease/leader/lease"
)

// The keys of the attributes, and the value for an unknown reason or error.
const (
	keyLease     = attribute.Key("leader.lease.name")
	keyNode      = attribute.Key("leader.node.id")
	keyStore     = attribute.Key("leader.store.name")
	keyReason    = attribute.Key("leader.loss.reason")
	keyOperation = attribute.Key("leader.request.operation")
	keyError     = attribute.Key("error.type")

	other = "_OTHER"
)

// Metrics has the metrics of one Leader. Make it with New. For several Leaders, make one for each, with the same
// provider. It is safe for concurrent use.
type Metrics struct {
	instruments
	store        string
	registration metric.Registration

	mu       sync.Mutex
	leader   *leader.Leader // nil: no Leader is watched
	renewed  time.Time      // when the latest successful acquisition or renewal was sent; zero: there was none
	losable  bool           // a term has begun and is not counted as lost yet
	counting bool           // the counters show their zeros
}

// An Option changes Metrics or FleetMetrics.
type Option func(*settings)

type settings struct{ store string }

// WithStore sets the attribute leader.store.name, the place of the lease: "dynamodb://leases", for example. Without the
// option, the metrics lack the attribute.
func WithStore(name string) Option {
	return func(s *settings) { s.store = name }
}

// New makes the metrics' instruments. A nil provider stands for the global one, otel.GetMeterProvider(). New returns an
// error and no Metrics if the provider refuses instruments, which the error names, or if an option is nil. Close the
// Metrics when the Leader does not run any more.
func New(provider metric.MeterProvider, opts ...Option) (*Metrics, error) {
	meter, settings, err := meterOf(provider, opts)
	if err != nil {
		return nil, err
	}
	m := &Metrics{store: settings.store}
	if m.instruments, err = newInstruments(meter); err != nil {
		return nil, fmt.Errorf("leaderotel: make the instruments: %w", err)
	}
	m.registration, err = meter.RegisterCallback(m.collect, m.active, m.remaining, m.age, m.length, m.token, m.healthy, m.standby)
	if err != nil {
		return nil, fmt.Errorf("leaderotel: register the gauges: %w", err)
	}
	return m, nil
}

// meterOf returns the meter of a provider, or of the global one, and what the options say.
func meterOf(provider metric.MeterProvider, opts []Option) (metric.Meter, settings, error) {
	var s settings
	if provider == nil {
		provider = otel.GetMeterProvider()
	}
	if absent.Is(provider) {
		return nil, s, fmt.Errorf("leaderotel: the provider is a nil %T: make one, or pass nil itself for the global one", provider)
	}
	for i, set := range opts {
		if set == nil {
			return nil, s, fmt.Errorf("leaderotel: option %d of %d is nil: leave it out", i+1, len(opts))
		}
		set(&s)
	}
	return provider.Meter("github.com/cloudlease/leader/leaderotel"), s, nil
}

// Watch sets the Leader that the gauges show: the one made with leader.WithObserver(m.Observe). Without a Leader, or
// with nil, there are no gauges.
func (m *Metrics) Watch(l *leader.Leader) {
	m.mu.Lock()
	m.leader = l
	m.mu.Unlock()
	if l == nil {
		return
	}
	s := l.Status()
	m.begin(m.attributes(s.Lease, s.Node))
}

// Close ends the gauges. After that, the provider keeps only what the counters have counted. It may be called again.
func (m *Metrics) Close() error { return unregister(m.registration) }

func unregister(r metric.Registration) error {
	if err := r.Unregister(); err != nil {
		return fmt.Errorf("leaderotel: unregister the gauges: %w", err)
	}
	return nil
}

// Observe counts an event of the Leader. Pass it to leader.WithObserver.
func (m *Metrics) Observe(event leader.Event) {
	switch e := event.(type) {
	case leader.StateEvent:
		base := m.attributes(e.Lease, e.Node)
		m.begin(base)
		if e.To == leader.Leading {
			m.terms.Add(context.Background(), 1, metric.WithAttributes(base...))
			m.setLosable(true)
		}
		m.countLoss(e.Origin, e.Cause)
		if e.To == leader.Standby || e.To == leader.Idle { // the term is over; a lease that is acquired too late begins none
			m.setLosable(false)
		}
	case leader.DroppedEvent:
		m.dropped.Add(context.Background(), int64(e.Count), metric.WithAttributes(m.attributes(e.Lease, e.Node)...))
	case leader.RequestEvent:
		if errors.Is(e.Err, errors.ErrUnsupported) { // the manager does not offer this look, so nothing was sent
			return
		}
		operation := append(m.attributes(e.Lease, e.Node), keyOperation.String(string(e.Op)))
		m.duration.Record(context.Background(), e.Took.Seconds(), metric.WithAttributes(operation...))
		switch {
		case e.Err == nil && (e.Op == leader.OpAcquire || e.Op == leader.OpRenew):
			m.setRenewed(e.At.Add(-e.Took)) // keeps the monotonic reading of At
		case e.Err == nil, errors.Is(e.Err, lease.ErrHeld):
		case errors.Is(e.Err, lease.ErrLost):
			if e.Op == leader.OpRenew { // it reports the loss first, while the work stops
				m.countLoss(e.Origin, e.Err)
			}
		default:
			m.failures.Add(context.Background(), 1, metric.WithAttributes(append(operation, keyError.String(errorType(e.Err)))...))
		}
	}
}

// begin makes the counters show zeros, so that their first increase is visible, too.
func (m *Metrics) begin(base []attribute.KeyValue) {
	m.mu.Lock()
	counting := m.counting
	m.counting = true
	m.mu.Unlock()
	if counting {
		return
	}
	m.terms.Add(context.Background(), 0, metric.WithAttributes(base...))
	m.dropped.Add(context.Background(), 0, metric.WithAttributes(base...))
	for _, reason := range reasons {
		m.losses.Add(context.Background(), 0, metric.WithAttributes(append(base, keyReason.String(string(reason)))...))
	}
}

func (m *Metrics) setLosable(losable bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.losable = losable
}

func (m *Metrics) setRenewed(sent time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.renewed = sent
}

// countLoss counts a term once, though several events may report its loss.
func (m *Metrics) countLoss(o leader.Origin, cause error) {
	lost, ok := errors.AsType[*lease.LostError](cause)
	if !ok || lost.Name != o.Lease { // the work may have returned the loss of another lease
		return
	}
	m.mu.Lock()
	losable := m.losable
	m.losable = false
	m.mu.Unlock()
	if losable {
		m.losses.Add(context.Background(), 1, metric.WithAttributes(append(m.attributes(o.Lease, o.Node), keyReason.String(reasonOf(lost)))...))
	}
}

// collect sets the values of the gauges.
func (m *Metrics) collect(_ context.Context, to metric.Observer) error {
	m.mu.Lock()
	l, renewed := m.leader, m.renewed
	m.mu.Unlock()
	if l == nil {
		return nil
	}
	s := l.Status()
	attributes := metric.WithAttributes(m.attributes(s.Lease, s.Node)...)
	to.ObserveFloat64(m.length, s.Length.Seconds(), attributes)
	to.ObserveInt64(m.healthy, asNumber(s.Health == nil), attributes)
	to.ObserveInt64(m.standby, asNumber(s.State == leader.Standby && s.Health == nil && !s.Paused), attributes) // as leaderhttp's /standby
	if s.Seen.Token > 0 {                                                                                       // else a node that has just started would make the lease look like a new one
		to.ObserveInt64(m.token, int64(s.Seen.Token), attributes)
	}
	remaining := s.Term.Remaining()
	if remaining <= 0 {
		to.ObserveInt64(m.active, 0, attributes)
		return nil
	}
	to.ObserveInt64(m.active, 1, attributes)
	to.ObserveFloat64(m.remaining, remaining.Seconds(), attributes)
	if !renewed.IsZero() {
		to.ObserveFloat64(m.age, time.Since(renewed).Seconds(), attributes)
	}
	return nil
}

// attributes returns the attributes of every metric, with room for more.
func (m *Metrics) attributes(lease, node string) []attribute.KeyValue {
	return withStore(m.store, keyLease.String(lease), keyNode.String(node))
}

func withStore(store string, base ...attribute.KeyValue) []attribute.KeyValue {
	all := append(make([]attribute.KeyValue, 0, 8), base...)
	if store != "" {
		all = append(all, keyStore.String(store))
	}
	return all
}
