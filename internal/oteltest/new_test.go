package oteltest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"github.com/cloudlease/leader/leaderotel"
)

// refusing is a provider that refuses one kind of instrument, or callbacks. The SDK's refuses only names that are
// invalid, which these are not.
type refusing struct {
	noop.MeterProvider
	what string
}

func (r refusing) Meter(string, ...metric.MeterOption) metric.Meter {
	return refusingMeter{what: r.what}
}

type refusingMeter struct {
	noop.Meter
	what string
}

var errRefused = errors.New("refused")

func (r refusingMeter) Int64ObservableGauge(name string, opts ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	return noop.Int64ObservableGauge{}, r.refuse(name)
}

func (r refusingMeter) Float64ObservableGauge(name string, opts ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	return noop.Float64ObservableGauge{}, r.refuse(name)
}

func (r refusingMeter) Int64Counter(name string, opts ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return noop.Int64Counter{}, r.refuse(name)
}

func (r refusingMeter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return noop.Float64Histogram{}, r.refuse(name)
}

func (r refusingMeter) RegisterCallback(metric.Callback, ...metric.Observable) (metric.Registration, error) {
	return noop.Registration{}, r.refuse("callback")
}

func (r refusingMeter) refuse(what string) error {
	if what == r.what {
		return fmt.Errorf("%s: %w", what, errRefused)
	}
	return nil
}

func TestNewReportsWhatIsRefused(t *testing.T) {
	for _, what := range []string{"leader.term.active", "leader.term.remaining", "leader.renewal.age", "leader.terms",
		"leader.term.losses", "leader.request.duration", "leader.request.failures", "leader.lease.length", "leader.node.healthy",
		"leader.events.dropped", "leader.lease.token", "leader.node.standby", "callback"} {
		m, err := leaderotel.New(refusing{what: what})
		require.ErrorIs(t, err, errRefused, what)
		require.ErrorContains(t, err, what)
		require.Nil(t, m)
	}
	m, err := leaderotel.New(refusing{})
	require.NoError(t, err)
	require.NoError(t, m.Close())
}

// New refuses a nil, also one in an interface, as a function that failed may have returned.
func TestNewRefusesNil(t *testing.T) {
	for says, made := range map[string]func() (*leaderotel.Metrics, error){
		"option 2 of 2 is nil: leave it out": func() (*leaderotel.Metrics, error) {
			return leaderotel.New(noop.NewMeterProvider(), leaderotel.WithStore("mem:"), nil)
		},
		"the provider is a nil *metric.MeterProvider": func() (*leaderotel.Metrics, error) {
			var none *sdk.MeterProvider
			return leaderotel.New(none)
		},
	} {
		m, err := made()
		require.ErrorContains(t, err, "leaderotel: "+says)
		require.Nil(t, m)
	}
}
