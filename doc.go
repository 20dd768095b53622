// Package leader lets one of many processes do the work, and another take over when that one stops: leader election by
// lease, on storage that the user's cloud account already has, with no server to run.
//
//	leader.New(
//		leader.WithLeaseManager(dynamodb.New(client, "leases")),
//		leader.WithLeaseName("orders-projection"),
//		leader.WhenStarted(func(ctx context.Context) error { ... }),
//	).Run(ctx)
//
// # Why it is safe
//
// The node that gets the lease leads for a term. While the term lasts, the lease is renewed in the background. Each renewal
// moves the term's deadline: nine tenths of the lease's length, counted from before the renewal was sent, on every clock that
// the node has, sleep included. Another node may start only when the lease was released, or when the whole length has passed
// since it saw the latest renewal stored, or when the store's own clock proves as much. So one term has ended before the next
// begins, however late an answer comes, however wrong the wall clocks are and however long the machine sleeps. The one
// condition is that the machines' clocks run at the same rate within that tenth. Package lease states the rules R1 to R8 that
// this rests on; docs/design.md says where the code keeps each of them.
//
// The work learns of the end through its context, and can ask at any time: [lease.Term.Check] is nil only while the
// lease is certainly held. The lease is released only once the work has returned. A work that does not return after a
// shutdown keeps the lease: it is renewed until the work returns, or until WithStopTimeout gives the work up and leaves the
// lease to run out. While a work does not return after a loss, this node does not ask for the lease again.
//
// # What the work must do
//
// Return soon after its context is cancelled; call Check right before a side effect; and claim, then read.
//
// A lease alone cannot stop a process that sleeps between the check and the effect. The term's fencing token can, if the
// other end of the effects refuses it: when its term begins, the work writes its token there, commits that, and only then
// reads what it goes on from; each later write goes through only if the token is still the same. A token that is compared
// on writing alone comes too late: an older term's write may land after the new one has read, and before it has written.
// docs/fencing.md shows this in SQL, examples/service and examples/catchup in programs.
//
// # Ways to use it
//
//   - A service or a worker: [Leader.Run], with a work that ends with its context.
//   - A service that answers requests: [Serve] is its work, and package leaderhttp has the handler that goes with it.
//   - A job that is triggered on many machines: [Leader.RunOnce].
//   - Code that holds a lease itself, instead of passing a work: [Leader.Acquire].
//   - Maintenance: [Leader.StepDown], [Leader.Pause] and [Leader.Resume].
//   - To find the leader from another node: [Leader.Leaders] and [Leader.WaitForLeader].
//   - A position or a text that outlives the leader: package checkpoint, or [SetValue]. Package fence keeps tokens in SQL databases.
//   - Many parts over many nodes: package fleet.
//
// Package lease has the stores' interface and the protocol, leaderotel the metrics, leadertest what tests need.
package leader
