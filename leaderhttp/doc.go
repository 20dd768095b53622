// Package leaderhttp is for services that answer HTTP requests. [WhileLeading] lets the leader alone answer requests,
// and finishes those under way before another node leads. [Handler] shows load balancers and people what a node does, and
// [FleetHandler] what a node of a fleet does. [Follow] wakes a node over the network when a lease has changed, and [Telling] tells a
// lease's holder that somebody asks something of it.
//
// Handler shows what a leader.Leader is doing. It follows the conventions that load balancers and orchestrators know
// from Patroni and Kubernetes, and has a page for people's browsers.
//
//	http.ListenAndServe("127.0.0.1:8080", leaderhttp.Handler(l))
//
// Or beside other handlers:
//
//	mux.Handle("/election/", http.StripPrefix("/election", leaderhttp.Handler(l)))
//
// # What Handler serves
//
//	GET /leader   200 while this node leads, else 503
//	GET /standby  200 while this node runs, is healthy and waits for the lease, else 503
//	GET /healthz  200 while Run works, this node is healthy and the lease store answers, else 503
//	GET /status   200, a Status in JSON
//	GET /watch    200, held open until the lease changes hands, for Follow
//	POST /watch   202, and the leader renews its lease soon, for Telling
//	GET /         200, a page for browsers, which reloads itself every two seconds
//
// The first three answer with a line of plain text that says why. By state:
//
//	            idle   standby   leading   stopping   unhealthy
//	/leader     503    503       200       503        503
//	/standby    503    200       503       503        503
//	/healthz    503    200       200       200        503, as it is while the store does not answer
//
// A node that leads while its work still prepares, before it calls leader.Serve, answers 200 to /leader, and 503 to
// requests behind WhileLeading.
//
// A node is stopping while its work is to return, or has returned and the lease is not released yet; also when its term
// has run out and the work has not noticed, and while its Run is about to return. It no longer leads, so it should get no
// new traffic. It is no standby either, because it cannot take the lease. At most one node answers 200 to /leader, by
// the promise S1 of package leader. The answer checks the term at that moment, by every clock of the machine, so the
// first answer of a node that was suspended past its deadline is 503. But an answer is about the past when it arrives.
// So protect what must not be done twice with the term's Check and its fencing token, not with this.
//
// A node is idle while its Run is not running: it has not begun, or has ended. That is unhealthy, whatever the reason.
//
// A node is unhealthy while its own health check (leader.WithHealth) keeps it from leading. Then it does not ask for
// the lease, and the answer is the check's error. (It answers 200 to /leader until its work is told to stop.)
//
// For /healthz, the store answers if it gave a clear answer (the lease is ours, another's, or lost) within one lease
// length, or within two acquire intervals if that is longer. The time doubles if no request has failed since, because a
// node that has stepped down need not ask. The monotonic clock measures the time: setting the wall clock changes
// nothing, and time that the machine slept does not count. A node whose term is over asks nothing until its work has
// returned: it is unhealthy for the same time after the last answer, and says that the work has not returned.
//
// HEAD answers as GET, without the body. So does OPTIONS, as in Patroni, with an Allow header: HAProxy's "option
// httpchk" uses it by default. Check /leader with it: / is a page, which answers 200 on every node. OPTIONS * names no
// path, and answers as OPTIONS /leader. For that, set the DisableGeneralOptionsHandler of http.Server: otherwise the
// server itself answers 200 on every node. Other methods get 405, other paths 404.
//
// No cache may store an answer. The handler takes no address from anywhere but the request's path, and the page has no
// scripts and loads nothing from elsewhere. It escapes everything that was read from records. Anybody who asks sees the
// texts of errors, the holder's name and its attributes: serve it only where operators and load balancers reach it.
//
// # Waking standbys
//
// A standby asks for the lease at each acquire interval. With leader.WithWake([Follow](...)) it also waits at the leader's /watch,
// and asks as soon as the leader has given the lease back. The leader publishes where that is, as the attribute [WatchAttribute].
//
// GET /watch?lease=orders&token=7 answers with lines: "watching" at once and every ten seconds, so that no proxy takes the connection for
// idle, and at last "changed", when the node does not see that term any more. After a minute the answer ends without "changed", and the
// client asks again. It also ends when the server shuts down. So end Run before the server: then the standbys hear of it. The answer is 503
// if the node does not run, or if 256 requests wait here already; 400 if the query does not name a lease and a token; and 404 if it names
// another lease.
//
// # Telling the leader
//
// A leader finds a wish (lease.Ask), such as a hand-over, at its next renewal. Through a manager of [Telling], it is told at its /watch as
// well, and renews soon: at most ten times in a renew interval, however many tell it. POST /watch?lease=orders&token=7 answers 202, or 503
// if the node does not hold that term.
//
// # Fleets
//
// [FleetHandler] shows what a node of a fleet.Fleet is doing.
//
//	GET /healthz  200 while Run works, this node is healthy, understands and acknowledges the plan, and has read one within
//	              a lease length, else 503
//	GET /status   200, a FleetStatus in JSON
//	GET /watch    200, held open until the seat or the coordinator's office has changed hands, or has another value, for Follow
//	POST /watch   202, and the node looks at its leases soon, for Telling
//
// With fleet.WithWake([Follow](...)), and its address published with fleet.WithAttributes, each node waits at the coordinator's /watch for the
// next plan, and the coordinator at each node's /watch for its acknowledgement. In a fleet of more than 257 nodes, those that find the
// coordinator's /watch full learn of plans at their next poll.
// GET /watch?lease=orders/seats/3&token=7&value=9f86d081884c7d65 names the value that was seen, by the first 8 bytes of its SHA-256.
//
// Other paths get 404; the rest is as above. No answer depends on how many parts a node has: a node without parts is ready to take
// some. To reach the node that has a part, publish an address with fleet.WithAttributes, and ask fleet.Inspect.
//
// # Load balancers
//
// HAProxy sends all requests to the leader with
//
//	option httpchk OPTIONS /leader
//	http-check expect status 200
//	default-server check inter 1s fall 1 rise 1 on-marked-down shutdown-sessions
//
// In Kubernetes, use /healthz in no livenessProbe: it is 503 on all nodes while the store is down, or what WithHealth asks, and
// restarting the nodes repairs neither. With /leader as a readinessProbe, a Service reaches the leader alone.
// But then a rolling update waits forever: replace its pods all at once, or do not use readiness for it.
package leaderhttp
