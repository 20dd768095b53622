// Package leaderotel makes OpenTelemetry metrics of what a leader.Leader does. It needs the API alone: the program
// chooses the SDK and the exporter.
//
//	metrics, err := leaderotel.New(provider)
//	...
//	defer metrics.Close()
//	l := leader.New(leader.WithObserver(metrics.Observe), ...)
//	metrics.Watch(l)
//
// # Metrics
//
//	name                      instrument  unit       what                                                       attributes
//	leader.term.active        gauge       {term}     1 while this node's term holds, else 0
//	leader.term.remaining     gauge       s          until the term ends, if it is not renewed; while it holds
//	leader.renewal.age        gauge       s          since the latest renewal that succeeded was sent, or the
//	                                                 acquisition; while the term holds
//	leader.lease.length       gauge       s          how long the lease holds from each renewal, if this node has it
//	leader.node.healthy       gauge       {node}     0 while leader.WithHealth keeps this node from leading, else 1
//	leader.terms              counter     {term}     terms that this node began
//	leader.term.losses        counter     {term}     terms that it lost                                         leader.loss.reason
//	leader.request.duration   histogram   s          requests to the lease manager, polls included             leader.request.operation
//	leader.request.failures   counter     {request}  those that got no clear answer                            leader.request.operation, error.type
//	leader.events.dropped     counter     {event}    those of the Leader's events that are missing in the others
//
// Each has the attributes leader.lease.name and leader.node.id as well, and leader.store.name if WithStore says so. The
// default node ID is new in each process: if that makes too many time series, set leader.WithNodeID, to the name of a
// pod that keeps it, say.
//
//	attribute                 values
//	leader.loss.reason        expired, taken, released, gone, as lease.LostReason; _OTHER
//	leader.request.operation  acquire, renew, release, inspect, as leader.Op
//	error.type                misconfigured, record, invalid, conflict, timeout, canceled; _OTHER
//
// The values are no more than these, whatever the errors say. A lease that somebody else holds is a clear answer, and so
// is one that is lost. A standby that is stopped while it asks counts as canceled.
//
// The gauges ask the Leader at the moment of collection: as its term does, leader.term.active and leader.term.remaining
// count the time that the machine slept. leader.renewal.age is by the monotonic clock, which nobody can set and which
// stands still in a sleep. Counters and the histogram follow the Leader's events, and come a little later; if more than
// a thousand pile up, requests are left out, and counted as dropped, but never terms and losses. A look at the lease that the
// manager does not offer is no request.
//
// The sum of leader.term.active over all nodes of a lease is how many lead: 1, but for the time of a failover. It is
// more than 1 only by the scatter of the moments at which the nodes are asked. What to be woken for:
//
//	nobody leads           sum by (leader_lease_name) (leader_term_active) < 1, for some lease lengths
//	it will soon be lost   leader_renewal_age_seconds > leader_lease_length_seconds / 2
//	nobody may lead        sum by (leader_lease_name) (leader_node_healthy) < 1
//	leadership moves       increase(leader_term_losses_total[15m]) > 2
//	a store fails          rate(leader_request_failures_total{error_type!="canceled"}[5m])
//
// The names in Prometheus are those of the exporter: leader_term_active, leader_term_remaining_seconds,
// leader_renewal_age_seconds, leader_lease_length_seconds, leader_node_healthy, leader_terms_total, leader_term_losses_total,
// leader_request_duration_seconds, leader_request_failures_total, leader_events_dropped_total.
package leaderotel
