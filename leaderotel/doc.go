// Package leaderotel exports what a leader.Leader does as OpenTelemetry metrics. It needs only the API: the program
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
// Each metric also has the attributes leader.lease.name and leader.node.id, and leader.store.name with WithStore. The
// default node ID is new in each process. If that makes too many time series, set leader.WithNodeID, for example to the
// name of a pod that keeps its name.
//
//	attribute                 values
//	leader.loss.reason        expired, taken, released, gone, as lease.LostReason; _OTHER
//	leader.request.operation  acquire, renew, release, inspect, as leader.Op
//	error.type                misconfigured, record, invalid, conflict, timeout, canceled; _OTHER
//
// The attributes have no other values, whatever the errors say. "Another node holds the lease" is a clear answer, and
// so is "the lease is lost". A standby that is stopped during a request counts as canceled.
//
// The gauges ask the Leader at the moment of collection. leader.term.active and leader.term.remaining count the time
// that the machine slept, as the term does. leader.renewal.age follows the monotonic clock, which nobody can set and
// which stands still during sleep. Counters and the histogram follow the Leader's events, and come a little later. If
// more than a thousand events pile up, requests are left out and counted as dropped, but never terms and losses. A look
// at the lease that the manager does not offer is not a request.
//
// The sum of leader.term.active over all nodes of a lease is the number of leaders: 1, except during a failover. It
// exceeds 1 only if the nodes are asked at different moments. Alert on:
//
//	nobody leads           sum by (leader_lease_name) (leader_term_active) < 1, for some lease lengths
//	it will soon be lost   leader_renewal_age_seconds > leader_lease_length_seconds / 2
//	nobody may lead        sum by (leader_lease_name) (leader_node_healthy) < 1
//	leadership moves       increase(leader_term_losses_total[15m]) > 2
//	a store fails          rate(leader_request_failures_total{error_type!="canceled"}[5m])
//
// In the repository, docs/operating/alerts.yaml has these and more as rules for Prometheus, docs/operating/dashboard.json is a
// dashboard for Grafana, and docs/operating.md says what to do.
//
// The Prometheus exporter names them leader_term_active, leader_term_remaining_seconds, leader_renewal_age_seconds,
// leader_lease_length_seconds, leader_node_healthy, leader_terms_total, leader_term_losses_total,
// leader_request_duration_seconds, leader_request_failures_total, leader_events_dropped_total.
package leaderotel
