// Package oteltest holds the tests of package leaderotel, and its example: with the SDK of OpenTelemetry and the exporter for
// Prometheus, and for the dashboard and the alerts in docs/operating. It is a separate module, so that a program with leaderotel
// chooses the versions of these.
package oteltest
