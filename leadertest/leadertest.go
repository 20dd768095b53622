// Package leadertest helps to test a leader's work. [Context] returns the context that the work has while its node leads,
// without a leader, a store or any waiting. [Manager], for tests with a leader, is a lease manager that loses answers, hangs,
// is cut off and forgets, when the test says so.
package leadertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

// length is longer than any test takes, but not by much: in a testing/synctest bubble time passes as long as there is a
// timer. If all goroutines of a test wait for ever, the term runs out within seconds, and synctest reports the deadlock.
const length = 30 * 24 * time.Hour

// Context returns a context that carries a term with this fencing token, as the context of a leader's work does. The
// term holds until lose is called or the test is over, 27 days at most.
//
// lose ends the term as when a leader loses the lease. When it returns, the term's Check fails and the context is done,
// both with a *lease.LostError (errors.Is lease.ErrLost). That is the cause, if the cause is a *lease.LostError; otherwise
// it has the reason lease.LostTaken, and wraps a cause that is neither nil nor lease.ErrLost itself. A term ends once: a
// second call does nothing. lose may be called from any goroutine.
//
// The context has the values of t.Context(), but is not cancelled with it: the term still holds in cleanup functions that
// were registered after this call. Then the term ends as if the lease were released. So a goroutine that waits for the
// context ends, too.
//
// Context may be used in a testing/synctest bubble, with the t of the bubble. A token of 0 fails the test at once: no term
// has it.
func Context(t testing.TB, token uint64) (ctx context.Context, lose func(cause error)) {
	t.Helper()
	if token == 0 {
		t.Fatal("leadertest.Context: no term has token 0: the first term of a lease has token 1")
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
