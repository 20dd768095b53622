// Package lease implements leases, each held by at most one machine, on any storage with a conditional write.
//
// A [Manager] takes, renews and releases leases. [NewManager] makes one of a [Store], a set of cells with a
// compare-and-swap; the folders beside this one are stores. Most programs use package leader, which runs their work
// while it holds a lease; this package is for those who write a store, a manager or a runner of their own.
//
// # Why at most one holds it
//
// A holder counts its lease from just before it sent the write that got or renewed it, by whichever of its clocks runs
// fastest, and stops a tenth of the length early (R2, R3). Anybody else waits for the full length from just after it
// saw that write, by a clock that never runs fast, or until the store's own clock proves that the write was sent longer
// ago (R1); and then it writes only if the record is still the one it watched. Since the write was applied after it was
// sent and before it was seen, the holder has stopped by the time that the next one starts, whatever their wall clocks
// say and however late answers come. What an unclear answer leaves open is settled by reading the record (R4), never by
// guessing.
//
// What a look shows is not followed by a write that would fail if the record had changed. So it proves less: a lease is
// Expired only if its length was over when the look was sent.
//
// A machine's monotonic clock stands still while the machine sleeps, and its wall clock may be stepped. So a holder adds
// up, at least every second, the most that any of its clocks shows, and one of them counts sleep on nearly all systems.
// Where none does, a step back of the wall clock may hide a sleep of any length, and ends the term (ErrClockStepped).
//
// # What it cannot do
//
// No lease can stop a process that sleeps between Check and the effect it checked for. Every acquisition has a fencing
// token greater than all before it (R5): send it with every write, and let the other end refuse smaller ones.
//
// The rules R1 to R8 that the comments name:
//
//   - R1: no client's wall clock decides when a lease is over, and Expired is a proof.
//   - R2: the holder counts from before the request, and leaves a margin.
//   - R3: time asleep counts, for the holder.
//   - R4: an unclear answer is not a lost lease: while the record is ours, the write is sent again.
//   - R5: tokens only grow, and no record is deleted.
//   - R6: a release never takes from somebody else, and nothing is leaked.
//   - R7: standbys read, they do not write.
//   - R8: a term ends once.
package lease
