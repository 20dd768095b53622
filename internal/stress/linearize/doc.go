// Package linearize checks whether the answers that concurrent clients of a store or a manager of leases got can be true:
// whether there is one order of all calls, each at some moment between its invocation and its return, in which every answer
// is one that package lease promises. Its tests check the real stores this way, on emulators, while answers are cut off, delayed and
// lost.
//
// # What is recorded
//
// [Cells] is a client of a store, [Leases] a client of a manager, [Checkpoints] one of the checkpoints in its store. All note each call's
// invocation and return in a [History].
// A call with an unknown outcome may have happened, or may still happen, at any time from its invocation on: it returns at
// infinity, and its client continues as another one. Nothing after the end of the history can show whether it happened. A
// read that failed tells nothing, and is left out.
//
// # The cell
//
// A cell holds the latest datum. Each write has a different datum, so a datum names its write. Versions are opaque, so each
// has to belong to one datum, and each datum to one version. Load shows the current datum. Swap replaces the datum that its
// version belongs to. A conflict means that another datum is there.
//
// That holds if each call is one attempt. If the SDK retries by itself, the second attempt may find what the first has
// written, and report a conflict, too. So with such an SDK a conflict means that at some moment of the call the datum either
// was another one, or was replaced by the call's own. Its outcome still has a bound in time: once the conflict is reported,
// no attempt can be applied later, as the datum that all of them replace is permanently gone. Only a client whose SDK retries
// may be the cause of its own conflict.
//
// (The real S3 may also answer 409 to two writes of the same moment, without saying that either has happened. Its emulator
// does not.)
//
// # The lease
//
// The state of a lease is its latest record (the acquisition that it is of, and its token), the acquisition that holds it, and
// when the latest write that keeps it was invoked. Each acquisition has a different holder's label, which names it. An
// acquisition gets the next token. It needs a lease that was never taken, was released, or is over: its length has passed
// between the invocation of its latest write and the acquisition's return. R1 promises at least that, whichever node watched the
// lease. So a sound manager always passes, and an acquisition that is too early by more than its two requests take is found.
// (A renewal with an unknown outcome may have extended the lease. No answer can be refuted by that, so such a renewal is left
// out.) The manager of an acquisition that failed may at once take over what that has left behind (R6). Renewals and releases
// succeed while the holder has the lease; ErrHeld, ErrLost and Inspect show what is there.
//
// On Azure, an acquisition has two steps that others can see: the lease, and the record. They are two operations in the
// interval of the one call.
//
// The record has a value, a register that its holder alone writes. An acquisition is answered the value that its record replaces
// (V1). A renewal or a release stores what it carries (V2), unless the record has a later change (V3): a client may renew with an
// older value, as a call does that was held up. Whatever the answer, the register goes forward; a renewal with an unknown outcome
// may do that at any time while the holder has the lease.
//
// # The checkpoint
//
// The state of a checkpoint is who claimed it last (an Open or a Reset), the token of that term, and the last save with its
// count. An Open with a token that is not less claims it, and is answered the value that it replaces (K1). A save moves it if it is
// the last claim's, and later than all before it (K2). ErrLost says that another has claimed it since; the save may have been
// taken before.
//
// # The chain
//
// Leaders that publish values one after another, as a fleet's coordinators publish plans, make a chain: each value goes on from the one
// before (TestChains). The state is the latest value, which names all those before it. A write whose value goes on from the state takes
// its place; one that arrives late changes nothing; a look shows the state.
//
// The checker is Porcupine: https://github.com/anishathalye/porcupine.
package linearize
