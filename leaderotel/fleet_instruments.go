package leaderotel

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// fleetInstruments are the metrics in the second table of the package comment.
type fleetInstruments struct {
	parts       metric.Int64ObservableGauge
	planParts   metric.Int64ObservableGauge
	epoch       metric.Int64ObservableGauge
	age         metric.Float64ObservableGauge
	seated      metric.Int64ObservableGauge
	coordinates metric.Int64ObservableGauge
	healthy     metric.Int64ObservableGauge
	unplaced    metric.Int64ObservableGauge
	moves       metric.Int64Counter
	failures    metric.Int64Counter
	losses      metric.Int64Counter
	troubles    metric.Int64Counter
}

func newFleetInstruments(meter metric.Meter) (i fleetInstruments, err error) {
	var errs [12]error
	i.parts, errs[0] = meter.Int64ObservableGauge("leader.fleet.parts", metric.WithUnit("{part}"),
		metric.WithDescription("Parts that this node has, by what it does with them."))
	i.planParts, errs[1] = meter.Int64ObservableGauge("leader.fleet.plan.parts", metric.WithUnit("{part}"),
		metric.WithDescription("Parts in the latest plan that this node has read, whosever they are."))
	i.epoch, errs[2] = meter.Int64ObservableGauge("leader.fleet.plan.epoch", metric.WithUnit("{plan}"),
		metric.WithDescription("Number of the latest plan that this node has read."))
	i.age, errs[3] = meter.Float64ObservableGauge("leader.fleet.plan.age", metric.WithUnit("s"),
		metric.WithDescription("Time since this node last read a plan that it understands."))
	i.seated, errs[4] = meter.Int64ObservableGauge("leader.fleet.seated", metric.WithUnit("{seat}"),
		metric.WithDescription("1 while this node holds a seat, else 0."))
	i.coordinates, errs[5] = meter.Int64ObservableGauge("leader.fleet.coordinates", metric.WithUnit("{coordinator}"),
		metric.WithDescription("1 while this node is the coordinator, else 0."))
	i.healthy, errs[6] = meter.Int64ObservableGauge("leader.fleet.node.healthy", metric.WithUnit("{node}"),
		metric.WithDescription("0 while this node's health check keeps it from having parts, or it does not understand the plan or cannot acknowledge it, else 1."))
	i.unplaced, errs[7] = meter.Int64ObservableGauge("leader.fleet.unplaced", metric.WithUnit("{part}"),
		metric.WithDescription("Parts that fit nowhere, as the coordinator sees it."))
	i.moves, errs[8] = meter.Int64Counter("leader.fleet.moves", metric.WithUnit("{part}"),
		metric.WithDescription("Parts that this node, as the coordinator, has given to nodes that did not have them."))
	i.failures, errs[9] = meter.Int64Counter("leader.fleet.work.failures", metric.WithUnit("{work}"),
		metric.WithDescription("Works of parts that returned an error before they were told to."))
	i.losses, errs[10] = meter.Int64Counter("leader.fleet.seat.losses", metric.WithUnit("{seat}"),
		metric.WithDescription("Seats that this node lost."))
	i.troubles, errs[11] = meter.Int64Counter("leader.fleet.troubles", metric.WithUnit("{trouble}"),
		metric.WithDescription("Things that this node could not do, and goes on without."))
	return i, errors.Join(errs[:]...)
}
