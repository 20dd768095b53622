// Package leaderhttp is for services that answer HTTP requests: [WhileLeading] has the leader alone answer them, and
// finishes those under way before another node leads; [Handler] tells load balancers and people what a node does.
//
// Handler tells what a leader.Leader is doing by the conventions that load balancers and orchestrators know from Patroni and
// Kubernetes, and shows it to people in a browser.
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
//	GET /         200, a page for a browser that loads itself anew every two seconds
//
// The first three answer with a line of plain text that says why. By state:
//
//	            idle   standby   leading   stopping   unhealthy
//	/leader     503    503       200       503        503
//	/standby    503    200       503       503        503
//	/healthz    503    200       200       200        503, as it is while the store does not answer
//
// A node that leads, and whose work prepares before it calls leader.Serve, answers 200 to /leader and 503 to what is behind
// WhileLeading.
//
// A node is stopping while its work is to return, or has, and the lease is not given back yet; also when its term has
// run out and the work has not noticed, and while its Run is about to return. It leads no more, so that no new traffic goes to it, and it is no standby
// either: it cannot take the lease. At most one node answers 200 to /leader, by the promise S1 of package leader; and as
// the answer looks at the term at that moment, and at every clock of the machine, the first answer of a node that was
// suspended past its deadline is 503. But the answer tells of the past when it arrives: what must not be done twice is
// protected by the term's Check and its fencing token, not by this.
//
// Idle is a node whose Run is not running: it has not begun, or has ended. That is unhealthy, whatever the reason.
//
// A node is unhealthy while its own health check (leader.WithHealth) keeps it from leading. It does not ask for the lease then,
// and the answer is the check's error. (It answers 200 to /leader for the moment until its work is told to stop.)
//
// The store answers, for /healthz, if it gave a clear answer (the lease is ours, another's, or lost) within one lease
// length, or within two acquire intervals if that is longer; within twice as long if no request has failed since, as a node
// that has stepped down need not ask. Time is counted by the monotonic clock, so that a wall clock that is set changes
// nothing; time that the machine slept does not count.
//
// HEAD answers as GET, without the body. So does OPTIONS, as in Patroni, with an Allow header: HAProxy's "option
// httpchk" uses it by itself. Check /leader with it: / is a page, and 200 on every node. OPTIONS * asks for no path, and
// answers as OPTIONS /leader; for that, set the http.Server's DisableGeneralOptionsHandler, or the server itself answers 200
// on every node. Other methods get 405, other paths 404.
//
// Nothing may be stored by a cache, no address is taken from anywhere but the request's path, and the page has neither
// scripts nor anything that is loaded from elsewhere. Whatever was read from records is escaped. The texts of errors,
// the holder's name and its attributes are shown to whoever asks: serve it where only operators and load balancers
// reach it.
//
// # Load balancers
//
// HAProxy sends everything to the leader with
//
//	option httpchk OPTIONS /leader
//	http-check expect status 200
//	default-server inter 1s fall 1 rise 1 on-marked-down shutdown-sessions
//
// In Kubernetes, /healthz is for a livenessProbe, with a failureThreshold that an outage of the store does not reach:
// restarting the nodes does not mend it. /leader as a readinessProbe makes a Service of the leader alone, but then a
// rolling update waits for ever: let its pods be replaced all at once, or keep readiness out of it.
package leaderhttp
