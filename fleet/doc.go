// Package fleet divides the parts of a work over the machines that are alive: 64 partitions over five nodes, say, or a thousand tenants.
// One node at a time has a part. Each part has a term with a fencing token, and moves between nodes without overlap.
//
//	fleet.New(
//		fleet.WithLeaseManager(manager),
//		fleet.WithName("orders"),
//		fleet.WithShards(64),
//		fleet.WhenAssigned(func(ctx context.Context, part string) error { ... }),
//	).Run(ctx)
//
// # How it works
//
// Each node holds one seat, an ordinary lease, and renews it, however many parts it has. One of the nodes is the coordinator: it holds
// the lease with the fleet's name, and keeps the plan in that lease's value: which node has each part. The others read the plan when they
// ask for that lease, as standbys do. The coordinator looks at all seats once in an interval, and publishes a new plan when a node has
// come or gone. In an interval, each node sends one write and one read, and the coordinator one read for each seat besides. The number of
// requests does not grow with the parts.
//
// # Why it is safe
//
// A part changes hands only by a plan, and a plan names the node that may still work on a part. While it does, no other node begins
// that part. The coordinator removes the name when the node has acknowledged, in its seat, that its work has returned; or when the
// store proves that the node's session in its seat is over. Plans are a chain, and a new coordinator goes on from the plan that it
// inherits. So one term of a part has ended before the next one begins, as with the leases that all of this rests on: see package
// lease.
//
// The rules F1 to F10 that the comments name:
//
//   - F1: a part's term lives inside that of its node's seat.
//   - F2: a part changes hands only by a plan that was read, or whose writing was acknowledged.
//   - F3: what is lost is stopped, acknowledged and cleared before it is begun elsewhere.
//   - F3a: a session is over if the store says so.
//   - F4: plans are a chain; a value that is no plan is never replaced.
//   - F5: a part's token is the epoch in which it changed hands; a part that left the list stays in the plan until its work has stopped.
//   - F6: a part that is on its way may be given to another, or back.
//   - F7: what requests are sent.
//   - F8: a node that reads no plans ends its session; a coordinator that reads no seats steps down.
//   - F9: which seats there are, and who takes which.
//   - F10: the list of parts has a version.
//
// # What the work must do
//
// The same as a leader's work: return soon after its context is cancelled, call [lease.Term.Check] right before each effect, and claim
// with the token before it reads the state from which it continues. See package leader.
package fleet
