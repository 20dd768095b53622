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
//	leader.lease.token        gauge       {term}     fencing token of the lease, as this node last heard of it; none
//	                                                 before it has
//	leader.node.healthy       gauge       {node}     0 while leader.WithHealth keeps this node from leading, else 1
//	leader.node.standby       gauge       {node}     1 while Run waits for the lease, and this node is healthy and
//	                                                 not paused, else 0; as leaderhttp's /standby answers
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
// exceeds 1 only if the nodes are asked at different moments. Each acquisition has a greater token than the one before, so the growth of
// the greatest leader.lease.token tells how often leadership has moved, whatever ended the terms: a work that fails, or a process that
// crashes, loses no lease. Alert on:
//
//	nobody leads           sum by (leader_store_name, leader_lease_name) (leader_term_active) < 1, for some lease lengths
//	it will soon be lost   leader_renewal_age_seconds > leader_lease_length_seconds / 2
//	nobody may lead        sum by (leader_store_name, leader_lease_name) (leader_node_healthy) < 1
//	no standby             sum by (leader_store_name, leader_lease_name) (leader_term_active)
//	                       + sum by (leader_store_name, leader_lease_name) (leader_node_standby) < 2, for a while
//	leases are lost        sum by (leader_store_name, leader_lease_name) (increase(leader_term_losses_total[15m])) > 2
//	leadership moves       max by (leader_store_name, leader_lease_name) (leader_lease_token) - min_over_time(
//	                       max by (leader_store_name, leader_lease_name) (leader_lease_token)[15m:1m]) > 4
//	a store fails          rate(leader_request_failures_total{error_type!="canceled"}[5m])
//
// In the repository, docs/operating/alerts.yaml has these and more as rules for Prometheus, docs/operating/dashboard.json is a
// dashboard for Grafana, and docs/operating.md says what to do.
//
// The Prometheus exporter names them leader_term_active, leader_term_remaining_seconds, leader_renewal_age_seconds,
// leader_lease_length_seconds, leader_lease_token, leader_node_healthy, leader_node_standby, leader_terms_total, leader_term_losses_total,
// leader_request_duration_seconds, leader_request_failures_total, leader_events_dropped_total.
//
// # Fleets
//
// [FleetMetrics] shows what a node of a fleet.Fleet does. No metric has an attribute for the part: a fleet may have thousands.
//
//	metrics, err := leaderotel.NewFleet(provider)
//	...
//	defer metrics.Close()
//	f := fleet.New(fleet.WithObserver(metrics.Observe), ...)
//	metrics.Watch(f)
//
//	name                        instrument  unit           what                                                        attributes
//	leader.fleet.parts          gauge       {part}         parts that this node has                                    leader.fleet.part.state
//	leader.fleet.plan.parts     gauge       {part}         parts in the latest plan that it has read, whosever they are
//	leader.fleet.plan.epoch     gauge       {plan}         number of that plan
//	leader.fleet.plan.age       gauge       s              since it last read a plan that it understands, while it runs
//	leader.fleet.seated         gauge       {seat}         1 while it holds a seat, else 0
//	leader.fleet.coordinates    gauge       {coordinator}  1 while it is the coordinator, else 0
//	leader.fleet.node.healthy   gauge       {node}         0 while fleet.WithHealth keeps it from having parts, or it does not
//	                                                       understand the plan or cannot acknowledge it, else 1
//	leader.fleet.unplaced       gauge       {part}         parts that fit nowhere; of the coordinator alone
//	leader.fleet.moves          counter     {part}         parts that it has given, as the coordinator, to nodes that did not
//	                                                       have them; the first handing out counts, too
//	leader.fleet.work.failures  counter     {work}         works that returned an error before they were told to return
//	leader.fleet.seat.losses    counter     {seat}         seats that it lost
//	leader.fleet.troubles       counter     {trouble}      things that it could not do, as fleet.TroubleEvent
//
// Each also has the attributes leader.fleet.name and leader.node.id, and leader.store.name with WithStore.
// leader.fleet.part.state is working, stopping, failed or done, as fleet.PartState. Alert on:
//
//	nobody works on a part  sum by (leader_store_name, leader_fleet_name) (leader_fleet_parts{leader_fleet_part_state=~"working|done"})
//	                        < max by (leader_store_name, leader_fleet_name) (leader_fleet_plan_parts), for some lease lengths
//	parts fit nowhere       max by (leader_store_name, leader_fleet_name) (leader_fleet_unplaced) > 0
//	nobody coordinates      sum by (leader_store_name, leader_fleet_name) (leader_fleet_coordinates) < 1, for some lease lengths
//	a work never stops      leader_fleet_parts{leader_fleet_part_state="stopping"} > 0, for longer than a work may take
//	a node is cut off       leader_fleet_plan_age_seconds, more than half a lease length
//	parts move too often    sum by (leader_store_name, leader_fleet_name) (increase(leader_fleet_moves_total[1h])), more than a few
//	                        times the number of parts
package leaderotel
