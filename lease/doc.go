// Package lease implements leases, each held by at most one machine, on any storage with a conditional write.
//
// A [Manager] takes, renews and releases leases. [NewManager] makes one of a [Store], a set of cells with a
// compare-and-swap; the folders beside this one are stores. Most programs use package leader, which runs their work
// while it holds a lease.
//
// # Who needs what
//
//   - Everybody: [Open] and [Close], or the constructor of a store's package and [NewManager]; the errors [ErrHeld], [ErrLost],
//     [ErrMisconfigured], [ErrInvalid], [ErrRecord] and [ErrNewer], and the types behind them, [HeldError], [LostError]
//     with its [LostReason], and [MisconfiguredError]; [MaxName].
//   - A work that runs under a lease: [Term] and [TermFrom]; [BeforeEnd], for a last write while the lease is still held;
//     [WithTerm], to pass the term on; [ErrClockStepped].
//   - A program that looks at leases: [Inspect], [List], [Info] and its [State]; [History], with each [PastTerm] and its [Ending];
//     [Break] for a holder that nobody can reach; [Ask] and [Withdraw] for a [Wish] to a holder, such as
//     [WishHandover], with its [WishState]; [RefusedError] with its [RefusedReason], and [ErrRefused].
//   - A program that sets up the place of the leases: [FindPlace], [MakePlace] and [MakeTimeout]; [PlaceOf] names it.
//   - A program that keeps other cells beside the leases, as package checkpoint: [StoreOf] and [CheckpointPrefix].
//   - The author of a store: [Store], [Snapshot], [Version], [ErrConflict], [Forever]; [CheckName], [CheckCell] and [MaxCell];
//     [Lister] with [Cell], [Limiter] with [Limits], [Closer], [PlaceFinder], [PlaceMaker], and [Watcher] with [IsRenewal], as far as the store can;
//     [Register] and [Opener] for its URLs. Package leasetest has the tests that it passes.
//   - The author of a manager on native leases, as lease/azblob: [Manager], [Breaker], [Asker] with [Wish.MayAsk] and [MayWithdraw]; [HeedsText] and
//     [HeedsIn]; [Request] and [Lease], each with its method Validate; [UndoTimeout], [MaxSwaps] and [ErrTooManyConflicts]; [Explain].
//   - The author of a runner, as package leader: [StartTerm], [StartWithin], [Keeper], [Instant], [Now] and [SampleEvery];
//     [LimitsOf], [Find], [Watch], [Margin] and [IntervalsPerLength].
//
// # Why at most one holds it
//
// A holder counts its lease from just before it sent the write that got or renewed it, by the fastest of its clocks, and
// stops a tenth of the length early (R2, R3). A standby waits for the full length from just after it saw that write, by its
// monotonic clock, which counts no sleep, or until the store's own clock proves that the write was sent longer ago (R1). Then it
// writes only if the record is still the one that it watched. The write was applied after it was sent and before it was
// seen. So the holder has stopped before the next one starts, whatever their wall clocks say and however late answers
// come. After an unclear answer, the manager reads the record (R4); it never guesses.
//
// A look without a write proves less, since nothing fails if the record has changed meanwhile: a lease is Expired only
// if its length was over when the look was sent.
//
// A machine's monotonic clock stands still while the machine sleeps, and its wall clock may be stepped. So a holder adds
// up, at least every second, the most that any of its clocks shows. On nearly all systems, one of them counts sleep. On the
// others, a step back of the wall clock may hide a sleep of any length, and ends the term (ErrClockStepped).
//
// # What it cannot do
//
// No lease can stop a process that sleeps between Check and the effect it checked for. Every acquisition has a fencing
// token greater than all before it (R5). The holder writes it to the other end before it reads anything there, and from
// then on the other end refuses smaller ones: claim, then read.
//
// # The rules
//
// The comments name them:
//
//   - R1: no client's wall clock decides when a lease is over, and Expired is a proof.
//   - R2: the holder counts from before the request, and leaves a margin.
//   - R3: time asleep counts, for the holder.
//   - R4: an unclear answer is not a lost lease: while the record is ours, the write is sent again.
//   - R5: tokens only grow, and no record is deleted.
//   - R6: a release never takes from somebody else, and nothing is leaked.
//   - R7: standbys read, they do not write.
//   - R8: a term ends once.
//
// And those of the value in a lease:
//
//   - V1: each acquisition inherits it.
//   - V2: from the moment it is set, every later write of the term carries it.
//   - V3: within a term it only goes forward.
//
// docs/design.md says why, and where the code keeps each.
package lease
