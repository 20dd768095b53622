package leaderotel

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// instruments are the metrics in the table of the package comment.
type instruments struct {
	active    metric.Int64ObservableGauge
	remaining metric.Float64ObservableGauge
	age       metric.Float64ObservableGauge
	length    metric.Float64ObservableGauge
	token     metric.Int64ObservableGauge
	healthy   metric.Int64ObservableGauge
	standby   metric.Int64ObservableGauge
	terms     metric.Int64Counter
	losses    metric.Int64Counter
	duration  metric.Float64Histogram
	failures  metric.Int64Counter
	dropped   metric.Int64Counter
}

// buckets, in seconds, range from a file or a nearby table to a distant bucket, and to requests that hang: a renewal
// may take a renew interval, which is 5 s by default and at most some 20 s on Azure.
var buckets = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20}

func newInstruments(meter metric.Meter) (i instruments, err error) {
	var errs [12]error
	i.active, errs[0] = meter.Int64ObservableGauge("leader.term.active", metric.WithUnit("{term}"),
		metric.WithDescription("1 while this node's term holds, else 0."))
	i.remaining, errs[1] = meter.Float64ObservableGauge("leader.term.remaining", metric.WithUnit("s"),
		metric.WithDescription("Time until this node's term ends, if it is not renewed."))
	i.age, errs[2] = meter.Float64ObservableGauge("leader.renewal.age", metric.WithUnit("s"),
		metric.WithDescription("Time since the latest renewal that succeeded was sent, while this node's term holds."))
	i.terms, errs[3] = meter.Int64Counter("leader.terms", metric.WithUnit("{term}"),
		metric.WithDescription("Terms that this node began."))
	i.losses, errs[4] = meter.Int64Counter("leader.term.losses", metric.WithUnit("{term}"),
		metric.WithDescription("Terms that this node lost, by reason."))
	i.duration, errs[5] = meter.Float64Histogram("leader.request.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of requests to the lease manager."), metric.WithExplicitBucketBoundaries(buckets...))
	i.failures, errs[6] = meter.Int64Counter("leader.request.failures", metric.WithUnit("{request}"),
		metric.WithDescription("Requests to the lease manager that got no clear answer, by the type of the error."))
	i.length, errs[7] = meter.Float64ObservableGauge("leader.lease.length", metric.WithUnit("s"),
		metric.WithDescription("How long the lease holds from each renewal, if this node has it."))
	i.healthy, errs[8] = meter.Int64ObservableGauge("leader.node.healthy", metric.WithUnit("{node}"),
		metric.WithDescription("0 while this node's health check keeps it from leading, else 1."))
	i.dropped, errs[9] = meter.Int64Counter("leader.events.dropped", metric.WithUnit("{event}"),
		metric.WithDescription("Events that came too fast to be counted."))
	i.token, errs[10] = meter.Int64ObservableGauge("leader.lease.token", metric.WithUnit("{term}"),
		metric.WithDescription("Fencing token of the lease, as this node last heard of it."))
	i.standby, errs[11] = meter.Int64ObservableGauge("leader.node.standby", metric.WithUnit("{node}"),
		metric.WithDescription("1 while this node waits for the lease, is healthy and is not paused, else 0."))
	return i, errors.Join(errs[:]...)
}
