package oteltest

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leaderotel"
	"github.com/cloudlease/leader/lease/memory"
)

// A leader's metrics, for Prometheus to scrape from /metrics.
func Example_prometheus() {
	ctx := context.Background()
	registry := prometheus.NewRegistry()
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := httptest.NewServer(mux) // in a program: go http.ListenAndServe("127.0.0.1:9464", mux)
	defer server.Close()

	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo())
	if err != nil {
		log.Fatal(err)
	}
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	defer provider.Shutdown(ctx)
	metrics, err := leaderotel.New(provider)
	if err != nil {
		log.Fatal(err)
	}
	defer metrics.Close()

	l := leader.New(
		leader.WithObserver(metrics.Observe),
		leader.WithLeaseManager(memory.New()),
		leader.WithLeaseName("orders"),
		leader.WithNodeID("node-1"),
		leader.WhenStarted(func(context.Context) error {
			return scrape(server.URL+"/metrics", "leader_term_active{")
		}),
	)
	metrics.Watch(l)
	if err := l.Run(ctx); err != nil {
		log.Fatal(err)
	}
	if err := scrape(server.URL+"/metrics", "leader_term"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// leader_term_active{leader_lease_name="orders",leader_node_id="node-1"} 1
	// leader_term_active{leader_lease_name="orders",leader_node_id="node-1"} 0
	// leader_term_losses_total{leader_lease_name="orders",leader_loss_reason="expired",leader_node_id="node-1"} 0
	// leader_term_losses_total{leader_lease_name="orders",leader_loss_reason="gone",leader_node_id="node-1"} 0
	// leader_term_losses_total{leader_lease_name="orders",leader_loss_reason="released",leader_node_id="node-1"} 0
	// leader_term_losses_total{leader_lease_name="orders",leader_loss_reason="taken",leader_node_id="node-1"} 0
	// leader_terms_total{leader_lease_name="orders",leader_node_id="node-1"} 1
}

// scrape prints the lines that begin with a prefix.
func scrape(url, prefix string) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), prefix) {
			fmt.Println(lines.Text())
		}
	}
	return lines.Err()
}
