// Package leader lets exactly one of many machines do the work: leader election by lease, on storage that the user's
// cloud account already has, with no server to run.
//
//	leader.New(
//		leader.WithLeaseManager(dynamodb.New(client, "leases")),
//		leader.WithLeaseName("orders-projection"),
//		leader.WhenStarted(func(ctx context.Context) error { ... }),
//	).Run(ctx)
//
// # Why it is safe
//
// The node that gets the lease leads for a term. While the term lasts, the lease is renewed in the background. The term
// ends at a deadline that this node counts from before each renewal was sent, on every clock it has, sleep included,
// and a tenth of the lease's length early; another node may start only when the whole length has passed since the
// renewal was seen to be stored. So however late an answer comes, however wrong the clocks are and however long the
// machine sleeps, one term has ended before the next begins. Package lease states the rules R1 to R8 that
// this rests on; docs/design.md says where the code keeps each of them.
//
// The work learns of the end through its context, and can ask at any time: [lease.Term.Check] is nil only while the
// lease is certainly held. The lease is released only once the work has returned. While the work does not return, the lease
// is kept, or, if it was lost, this node does not ask for it again.
//
// # What the work must do
//
// Return soon after its context is cancelled; call Check right before a side effect; and send the term's token along, so
// that the other end can refuse a token that is smaller than one it has seen. A lease alone cannot stop a process that
// sleeps between the check and the effect.
//
// A work that answers requests calls [Serve], and package leaderhttp has the handler that goes with it.
package leader
