package oteltest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/leaderotel"
	"github.com/cloudlease/leader/lease"
)

const (
	length = 15 * time.Second
	every  = 5 * time.Second
	name   = "orders"
)

// node is one leader on its own machine, and its metrics, in virtual time.
type node struct {
	*leader.Leader
	t       *testing.T
	metrics *leaderotel.Metrics
	machine *hosttest.Machine
	stop    context.CancelFunc
	ended   chan error
	health  func() error                    // set before run; nil: healthy
	work    func(ctx context.Context) error // set before run; nil: it ends with ctx, ten seconds later
}

// newNode adds a leader to a provider.
func newNode(t *testing.T, provider *sdk.MeterProvider, id string, manager lease.Manager, opts ...leaderotel.Option) *node {
	t.Helper()
	metrics, err := leaderotel.New(provider, opts...)
	require.NoError(t, err)
	n := &node{t: t, metrics: metrics, machine: hosttest.New(true), ended: make(chan error, 1)}
	n.Leader = leader.New(
		leader.WithObserver(metrics.Observe), leader.WithLeaseManager(manager), leader.WithLeaseName(name), leader.WithNodeID(id),
		leader.WithLeaseLength(length), leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WithHealth(func(context.Context) error {
			if n.health == nil {
				return nil
			}
			return n.health()
		}),
		leader.WhenStarted(func(ctx context.Context) error {
			if n.work != nil {
				return n.work(ctx)
			}
			<-ctx.Done()
			time.Sleep(10 * time.Second)
			return nil
		}),
	)
	metrics.Watch(n.Leader)
	return n
}

func (n *node) run() *node {
	ctx, stop := context.WithCancel(host.With(n.t.Context(), n.machine))
	n.stop = stop
	go func() { n.ended <- n.Run(ctx) }()
	synctest.Wait()
	return n
}

func (n *node) end() {
	n.t.Helper()
	n.stop()
	require.NoError(n.t, <-n.ended)
	require.NoError(n.t, n.metrics.Close())
}

// inBubble runs a test in virtual time, with a provider and its reader.
func inBubble(t *testing.T, test func(t *testing.T, provider *sdk.MeterProvider, r reader)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := reader{t, sdk.NewManualReader()}
		test(t, sdk.NewMeterProvider(sdk.WithReader(r)), r)
	})
}

type reader struct {
	t *testing.T
	*sdk.ManualReader
}

// point is one time series.
type point struct {
	value      float64 // of a histogram: the count
	attributes attribute.Set
	sum        float64
}

func (p point) get(key string) string {
	v, _ := p.attributes.Value(attribute.Key(key))
	return v.AsString()
}

// all collects the metrics and returns them.
func (r reader) all() (metrics []metricdata.Metrics) {
	r.t.Helper()
	synctest.Wait() // until the observer has seen every event
	var data metricdata.ResourceMetrics
	require.NoError(r.t, r.Collect(context.Background(), &data))
	for _, scope := range data.ScopeMetrics {
		require.Equal(r.t, "github.com/cloudlease/leader/leaderotel", scope.Scope.Name)
		metrics = append(metrics, scope.Metrics...)
	}
	return metrics
}

// points returns the time series of a metric that have all of the attributes, given as key, value, key, value.
func (r reader) points(metric string, attributes ...string) (points []point) {
	r.t.Helper()
	for _, m := range r.all() {
		if m.Name != metric {
			continue
		}
		for _, p := range pointsOf(m) {
			fits := true
			for i := 0; i < len(attributes); i += 2 {
				fits = fits && p.get(attributes[i]) == attributes[i+1]
			}
			if fits {
				points = append(points, p)
			}
		}
	}
	return points
}

func pointsOf(m metricdata.Metrics) (points []point) {
	switch data := m.Data.(type) {
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			points = append(points, point{value: float64(p.Value), attributes: p.Attributes})
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			points = append(points, point{value: p.Value, attributes: p.Attributes})
		}
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			points = append(points, point{value: float64(p.Value), attributes: p.Attributes})
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			points = append(points, point{value: float64(p.Count), attributes: p.Attributes, sum: p.Sum})
		}
	}
	return points
}

// value returns the sum over a metric's time series that have the attributes.
func (r reader) value(metric string, attributes ...string) (sum float64) {
	r.t.Helper()
	for _, p := range r.points(metric, attributes...) {
		sum += p.value
	}
	return sum
}

// greatest returns the greatest value of a metric.
func (r reader) greatest(metric string) (greatest float64) {
	r.t.Helper()
	for _, p := range r.points(metric) {
		greatest = max(greatest, p.value)
	}
	return greatest
}

// faulty is a manager whose requests can be made slow, and made to fail as no store can be told to.
type faulty struct {
	lease.Manager
	mu    sync.Mutex
	err   error
	delay time.Duration
}

func (f *faulty) set(err error, delay time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.delay = err, delay
}

func (f *faulty) fault() error {
	f.mu.Lock()
	err, delay := f.err, f.delay
	f.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay)
	}
	return err
}

func (f *faulty) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	if err := f.fault(); err != nil {
		return lease.Lease{}, err
	}
	return f.Manager.Acquire(ctx, req)
}

func (f *faulty) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	if err := f.fault(); err != nil {
		return lease.Lease{}, err
	}
	return f.Manager.Renew(ctx, held)
}

func (f *faulty) Release(ctx context.Context, held lease.Lease) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Manager.Release(ctx, held)
}

var errDown = errors.New("connection refused")
