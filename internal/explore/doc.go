// Package explore goes through everything that can happen in a small world: a few nodes, each with the real manager and the
// real keeper of terms of package lease, and one store. Where package simulate tries worlds by chance, this one leaves
// nothing out, within a bound.
//
// # How it works
//
// A world is a state, and choices that lead to others. The explorer takes all choices in all states, those first that are
// reached by the fewest, until there are none that it has not seen (exhausted: yes), or a promise is broken. Then the way
// there that it tells is among the shortest.
//
// The nodes run the real code. It blocks nowhere but in the store, so a call of the manager runs in a coroutine
// (iter.Pull): it goes on until it sends a request, and waits there until the explorer has chosen what becomes of it. Its
// clocks, timers and random numbers come from a host.Host of the explorer's, which lets time pass in steps. No goroutine
// runs but the one that the explorer lets go on, so what happens is never the scheduler's choice.
//
// Running code cannot be copied. A state of one process is kept as a history that leads to it, and is brought about by
// doing that again in a new process. That is seldom necessary. Nodes meet only in the store, so what an event does to a
// process depends on its own state alone: it is done once, and what came of it is remembered. Millions of states of the
// world are made of a few thousand states of single nodes; those are the real code's, and the explorer's own part of a
// world is no more than the store's cell and the requests and answers that are on their way.
//
// When are two histories of a process one state? If its memory is the same: all fields of the real manager and keeper are
// read by reflection, whatever they may be, and the requests and answers of the call that it is in, of which its local
// variables are made. Times are taken relative to now, and all that are longer ago than a lease's length are alike. Random
// texts are numbered in the order of their appearance. Three tests keep this honest: processes that live through long
// random walks have, at each step, the memory of the state that the explorer says; without taking any two histories for
// one state, the same is seen, to the depth that this is feasible; and deliberately broken stores, clocks and holders are
// found out.
//
// # What is in the bound
//
//   - Nodes: 2 or 3. Their clocks run at 0.95, 1.04 and 1.00 of the true rate; two of three have a clock that counts
//     suspension. All call themselves by the same name.
//   - Programs: each node asks for the lease at any time. While it holds it, it renews at any time, and its work returns at
//     any time, also while a renewal is under way; then it releases the lease, again if that failed, or leaves it to run
//     out. A node makes one call at a time.
//   - Acquisitions: no node asks any more once Acquire has succeeded so often, in all. Those that have asked by then may
//     succeed, too.
//   - Time passes in steps at any moment, or not. A lease is 3 steps long, or more. The holder's deadline and the moment at
//     which a standby may take over lie close together within one step if the holder's clock is the slow one; if it is
//     the fast one, a step apart. There is no bound on time, polls, renewals or the length of a path: what is relative to
//     now repeats itself.
//   - Requests and answers take any time, and overtake each other.
//   - Faults, so many in all along one path: a request is given up (before it arrives, and then it may arrive at any later
//     time or never, which is how requests are lost; or after, and its answer is lost); a write arrives twice, and what is
//     answered is the second's conflict; a process crashes and another starts at once; a machine is suspended for any
//     time, with a call under way or none; a wall clock steps forward or back by more than a lease's length; on a machine
//     without a clock that counts suspension, both at once: it sleeps, and the step back hides that from its wall clock.
//   - Ages, if said: the store tells exactly how long ago a write was sent.
//
// # What is looked at, in every state
//
//   - S1: Check is nil on at most one node that is awake.
//   - S2: each term's token is greater than those of all terms before.
//   - R4: a renewal that finds its lease lost is right.
//   - R5: no write makes the record's token smaller, or gives two acquisitions one.
//   - R6: no release replaces somebody else's record.
//   - No call panics, or returns an error that it has no reason for.
//
// # What an exhausted run shows, and what not
//
// It shows that within the bound there is no order of events that breaks a promise, in the code as it is: not one that is
// unlikely, either. It does not show anything of more nodes, acquisitions or faults than the bound has; of steps finer than
// its own, though deadlines are what matters, and they fall on both sides of a step; of managers that are shared by
// several nodes, or called by several goroutines; of package leader, which decides when to call (package simulate runs it,
// and here a node may call at any time); of real stores, which may do other than the one here (the conformance suite is
// for that); or of liveness: that a term begins at all is seen, that it does so in time is not.
//
// Check is called on every node after everything that happens to it, and so the clocks are sampled at each step. A keeper
// that did not sample by itself would not be noticed here.
package explore
