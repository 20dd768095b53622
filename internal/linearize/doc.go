// Package linearize says whether what concurrent clients of a store or a manager of leases were told can be true: whether
// there is one order of all calls, each at some moment between its invocation and its return, in which every answer is
// what package lease promises. Its tests ask that of the real stores, on emulators, while answers are cut off, delayed
// and lost.
//
// # What is recorded
//
// [Cells] is a client of a store, [Leases] one of a manager; both note each call's invocation and return in a [History]. A
// call whose outcome is unknown may have happened, or may happen yet, at any time from its invocation on: it returns at
// infinity, and its client goes on as another one. Nothing that comes after the end of the history shows whether it
// has. A read that failed tells nothing, and is left out.
//
// # The cell
//
// A cell holds the latest datum. Each write has a datum of its own, so that the datum names the write; a version, which
// is opaque, has to belong to one datum, and a datum to one version. Then Load shows the datum that is there; Swap
// replaces the one that its version belongs to; and a conflict means that another one is there.
//
// It does if each call is one attempt. If the SDK retries by itself, the second attempt may find what the first has
// written, and says conflict, too. Then a conflict means that at some moment of the call the datum either was another
// one, or was replaced by the call's own. Still it is no unknown outcome: once it is answered, no attempt can land, as
// what they all replace is gone for good. So a conflict has a bound in time in both cases, and only a client whose SDK
// retries may be the cause of its own.
//
// (The real S3 may also answer 409 of two writes of the same moment, without saying that either has happened; its emulator
// does not.)
//
// # The lease
//
// A lease is the latest record (whose acquisition it is, and its token), whose the lease is, and when the latest write
// that keeps it was invoked. Each acquisition has a holder's label of its own, which names it. An acquisition has the next
// token, and needs a lease that was never taken, was released, or is over: as long ago as the lease is long, counted from
// the invocation of its latest write to the acquisition's return. That is the least that R1 promises, whoever watched
// what: so it is never wrong of a sound manager, and an acquisition that is early by more than the two requests take is
// found. (A renewal whose outcome is unknown may have put it off. That cannot be held against anybody, so such a renewal
// is left out.) The manager of an acquisition that failed may take over at once what it has left behind (R6). Renewals and
// releases succeed while the lease is the holder's own; ErrHeld, ErrLost and Inspect show what is there.
//
// On Azure, an acquisition is two steps that others can see: the lease, and the record. They are two operations in the
// interval of the one call.
//
// The checker is Porcupine: https://github.com/anishathalye/porcupine.
package linearize
