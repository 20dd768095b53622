// Package leadertest is for tests of a leader's work. [Context] gives the work the context that it would have while its node
// leads, without a leader, a store or any waiting. [Manager] is for tests with a leader: a lease manager that loses answers,
// hangs, is cut off and forgets, when the test says so.
package leadertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

// length is longer than any test takes. It is not longer still because time passes in a testing/synctest bubble as long
// as there is a timer: a test whose goroutines all wait for ever is told so once the term has run out, in seconds.
const length = 30 * 24 * time.Hour

// Context returns a context that carries a term with this fencing token, as the context of a leader's work does. The
// term holds until lose is called or the test is over, 27 days at most.
//
// lose ends the term as a leader finds it lost. When it returns, the term's Check fails and the context is done, both
// with a *lease.LostError (errors.Is lease.ErrLost): the cause if it is one; else one with the reason lease.LostTaken,
// which wraps the cause if that is neither nil nor lease.ErrLost itself. A term ends once: lose does nothing after that.
// It may be called from any goroutine.
//
// The context has the values of t.Context(), but is not cancelled with it: the term still holds in cleanup functions
// that were registered after this call. Then it ends, as a lease that is released, so that a goroutine that waits for
// the context ends, too.
//
// Context may be used in a testing/synctest bubble, with the t of the bubble. A token of 0 is no leader's, and fails the
// test at once.
func Context(t testing.TB, token uint64) (ctx context.Context, lose func(cause error)) {
	t.Helper()
	if token == 0 {
		t.Fatal("leadertest.Context: the token is 0, which no term has: the first term of a lease has token 1")
	}
	held := lease.Lease{Name: t.Name(), Holder: "this test", Token: token, Length: length}
	ctx, keeper := lease.StartTerm(context.WithoutCancel(t.Context()), held, lease.Now(t.Context()))
	t.Cleanup(func() { keeper.End(nil) })
	return ctx, func(cause error) { keeper.End(lost(held, cause)) }
}

func lost(held lease.Lease, cause error) error {
	if is, ok := errors.AsType[*lease.LostError](cause); ok {
		return is
	}
	if cause == lease.ErrLost {
		cause = nil // it adds nothing
	}
	return &lease.LostError{
		Name: held.Name, Token: held.Token, Reason: lease.LostTaken, Err: cause,
		Now: lease.Info{Name: held.Name, State: lease.Held, Holder: "another node", Token: held.Token + 1, Length: held.Length},
	}
}
