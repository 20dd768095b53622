// Package explore goes through everything that can happen in a small world: one store, and a few nodes that each run the real
// manager and the real keeper of terms of package lease. Package simulate tries worlds by chance; this one leaves nothing
// out, within a bound.
//
// # How it works
//
// A world is a state, and choices that lead to other states. The explorer takes all choices in all states, in breadth-first
// order. It stops when it has seen every state (exhausted: yes), or when a promise is broken; then the path that it prints
// is among the shortest.
//
// The nodes run the real code. It blocks only in the store, so a call of the manager runs in a coroutine (iter.Pull): it runs
// until it sends a request, and then waits until the explorer has chosen what becomes of the request. The node's clocks,
// timers and random numbers come from a host.Host of the explorer's, which lets time pass in steps. No goroutine runs but the
// one that the explorer lets run, so the scheduler never chooses what happens.
//
// Running code cannot be copied. So a state of one process is kept as a history that leads to it, and the explorer restores
// it by repeating that history in a new process. That is seldom necessary. Nodes meet only in the store, so the effect of an
// event on a process depends on the state of that process alone: it is computed once, and remembered. Millions of states of
// the world consist of a few thousand states of single nodes, which come from the real code. The explorer models only the
// store's cell, and the requests and answers under way.
//
// When do two histories of a process count as one state? If its memory is the same. Memory is all fields of the real manager
// and keeper, read by reflection, and the requests and answers of the current call, which determine its local variables.
// Times are relative to now, and all times longer ago than a lease's length are alike. Random texts are numbered in the
// order of their appearance. Three tests check this. Processes that live through long random walks have, at each step, the
// memory of the state that the explorer predicts. Without merging any histories, the same is seen, to the depth that this is
// feasible. And deliberately broken stores, clocks and holders are found.
//
// # What is in the bound
//
//   - Nodes: 2 or 3. Their clocks run at 0.95, 1.04 and 1.00 of the true rate; two of three have a clock that counts
//     suspension. All pass the same Request.Holder.
//   - Programs: a node asks for the lease at any time. While it holds the lease, it renews at any time, and its work returns
//     at any time, also while a renewal is under way. Then it releases the lease, and tries again if that failed, or leaves
//     the lease to run out. A node makes one call at a time.
//   - Acquisitions: once Acquire has succeeded so many times in all, no node asks any more. Calls under way by then may still
//     succeed.
//   - Time passes in steps at any moment, or not. A lease is 3 steps long, or more. The holder's deadline and the moment at
//     which a standby may take over lie close together within one step if the holder's clock is the slow one, and a step
//     apart if it is the fast one. There is no bound on time, polls, renewals or the length of a path, as all times are
//     relative to now and so states recur.
//   - Requests and answers take any time, and overtake each other.
//   - Faults, so many in all along one path. A request is given up: before it arrives (then it arrives at any later time or
//     never, as a lost one does), or after (then its answer is lost). A write arrives twice, and the answer is the second's
//     conflict. A process crashes, and another starts at once. A machine is suspended for any time, with or without a call
//     under way. A wall clock steps forward or back by more than a lease's length. On a machine without a clock that counts
//     suspension, both at once: it sleeps, and a step back hides the sleep from its wall clock.
//   - Values, if Bound.Values is set: each term changes the lease's value once, with its first renewal.
//   - Ages, if Bound.Ages is set: the store knows exactly how long ago a write was sent.
//
// # What is checked, in every state
//
//   - S1: Check is nil on at most one node that is awake.
//   - S2: each term's token is greater than those of all terms before.
//   - R4: if a renewal reports its lease lost, the lease is lost.
//   - R5: no write makes the record's token smaller, or gives two acquisitions the same token.
//   - R6: no release replaces the record of another acquisition.
//   - V1: an acquisition inherits the value. V3: no write takes a value back that its term has changed.
//   - No call panics, or returns an error without a reason.
//
// # What an exhausted run shows, and what it does not
//
// It shows that no order of events within the bound, however unlikely, breaks a promise in the code as it is. It shows nothing
// about more nodes, acquisitions or faults than the bound has. Nor about finer steps; but only deadlines matter, and they
// fall on both sides of a step. Nor about managers that several nodes share or several goroutines call. Nor about package
// leader, which decides when to call: package simulate runs it, and here a node may call at any time. Nor about real stores,
// which may behave differently: the conformance suite tests them. Nor about liveness: terms do begin, but nothing checks that
// they begin in time.
//
// Check is called on every node after everything that happens to it, so the clocks are sampled at each step. A keeper that did
// not sample by itself would go unnoticed here.
package explore
