package oteltest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leaderotel"
	"github.com/cloudlease/leader/lease/memory"
)

// The metrics of a real Leader in real time, as Prometheus reads them over HTTP.
func TestPrometheusScrape(t *testing.T) {
	metrics, provider, url := exported(t)
	manager := &faulty{Manager: memory.New()}
	l := leader.New(
		leader.WithObserver(metrics.Observe), leader.WithLeaseManager(manager), leader.WithLeaseName(name), leader.WithNodeID("a"),
		leader.WithLeaseLength(time.Minute), leader.WithRenewEvery(50*time.Millisecond), leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WhenStarted(func(ctx context.Context) error { <-ctx.Done(); return nil }),
	)
	metrics.Watch(l)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()

	one := func(families map[string]*dto.MetricFamily, metric string, labels ...string) *dto.Metric {
		for _, m := range families[metric].GetMetric() {
			got := map[string]string{}
			for _, label := range m.GetLabel() {
				got[label.GetName()] = label.GetValue()
			}
			fits := got["leader_lease_name"] == name && got["leader_node_id"] == "a" && got["leader_store_name"] == "mem:"
			for i := 0; i < len(labels); i += 2 {
				fits = fits && got[labels[i]] == labels[i+1]
			}
			if fits {
				return m
			}
		}
		return &dto.Metric{}
	}
	var families map[string]*dto.MetricFamily
	require.Eventually(t, func() bool {
		families = parse(t, url)
		return one(families, "leader_request_duration_seconds", "leader_request_operation", "renew").GetHistogram().GetSampleCount() > 2
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, 1.0, one(families, "leader_term_active").GetGauge().GetValue())
	require.InDelta(t, 54, one(families, "leader_term_remaining_seconds").GetGauge().GetValue(), 20)
	require.InDelta(t, 0, one(families, "leader_renewal_age_seconds").GetGauge().GetValue(), 20)
	require.Equal(t, 1.0, one(families, "leader_terms_total").GetCounter().GetValue())
	require.Equal(t, 0.0, one(families, "leader_term_losses_total", "leader_loss_reason", "expired").GetCounter().GetValue())
	require.NotContains(t, families, "leader_request_failures_total")

	manager.set(errDown, 0)
	require.Eventually(t, func() bool {
		families = parse(t, url)
		return one(families, "leader_request_failures_total", "leader_request_operation", "renew", "error_type", "_OTHER").GetCounter().GetValue() > 0
	}, time.Minute, 10*time.Millisecond)
	manager.set(nil, 0)
	stop()
	require.NoError(t, <-ended)
	families = parse(t, url)
	require.Equal(t, 0.0, one(families, "leader_term_active").GetGauge().GetValue())
	require.NotContains(t, families, "leader_term_remaining_seconds")
	require.Equal(t, uint64(1), one(families, "leader_request_duration_seconds", "leader_request_operation", "release").GetHistogram().GetSampleCount())

	require.NoError(t, metrics.Close())
	families = parse(t, url)
	require.NotContains(t, families, "leader_term_active")
	require.Contains(t, families, "leader_terms_total")
	require.NoError(t, provider.Shutdown(t.Context()))
}

// exported returns metrics, their provider, and the URL where Prometheus reads them.
func exported(t *testing.T) (*leaderotel.Metrics, *sdk.MeterProvider, string) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry))
	require.NoError(t, err)
	provider := sdk.NewMeterProvider(sdk.WithReader(reader))
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}))
	t.Cleanup(server.Close)
	metrics, err := leaderotel.New(provider, leaderotel.WithStore("mem:"))
	require.NoError(t, err)
	return metrics, provider, server.URL
}

// client has connections of these tests alone: the end of another test's server closes those of http.DefaultTransport.
var client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}

// parse reads what the exporter serves, as Prometheus does.
func parse(t *testing.T, url string) map[string]*dto.MetricFamily {
	t.Helper()
	resp, err := client.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	require.NoError(t, err)
	return families
}
