package lease

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// SampleEvery is the longest interval at which a holder samples its clocks (R3).
const SampleEvery = time.Second

// A Term is one unbroken holding of a lease. It ends once: when its work has returned, at its deadline, or when the
// lease is found lost (R8). Terms are small values to pass on, safe for concurrent use. The zero Term has ended.
type Term struct {
	keeper *Keeper
}

type termKey struct{}

// TermFrom returns the term that ctx carries, as the context of a leader's work does; false if it carries none.
func TermFrom(ctx context.Context) (Term, bool) {
	t, ok := ctx.Value(termKey{}).(Term)
	return t, ok
}

// WithTerm returns a context that carries the term, as that of a leader's work does. Unlike that one, it does not end
// with the term. Use it for calls on behalf of a work whose context comes from elsewhere, such as from a request.
func WithTerm(ctx context.Context, t Term) context.Context {
	return context.WithValue(ctx, termKey{}, t)
}

// Name returns the lease's name.
func (t Term) Name() string {
	if t.keeper == nil {
		return ""
	}
	return t.keeper.name
}

// Token returns the fencing token: greater than the token of every earlier term of this name; 0 of the zero Term. Claim
// with it, then read: write it where the effects go, before you read there what to go on from, and make each later write on
// the condition that it is still there. So the other end refuses a term that is over and writes late.
func (t Term) Token() uint64 {
	if t.keeper == nil {
		return 0
	}
	return t.keeper.token
}

// Check returns nil only while the lease is certainly still held (R2, R3). Call it right before a side effect. A lease
// alone cannot stop a process that sleeps between the check and the effect; the [Term.Token] can. The error is a *LostError
// (errors.Is ErrLost), and also an ErrClockStepped if a step of the wall clock ended the term.
func (t Term) Check() error {
	_, err := t.look()
	return err
}

// Remaining returns how long the term still holds without a renewal; 0 after its end. It grows by renewals only.
func (t Term) Remaining() time.Duration {
	remaining, _ := t.look()
	return remaining
}

// Deadline returns when the term ends without a renewal, by the wall clock as it is now; the zero Time after its end.
func (t Term) Deadline() time.Time {
	remaining, err := t.look()
	if err != nil {
		return time.Time{}
	}
	return t.keeper.host.Now().Add(remaining)
}

// Done returns a channel that is closed when the term ends. After a suspension of the machine that can take a second;
// Check knows at once.
func (t Term) Done() <-chan struct{} {
	if t.keeper == nil {
		return closed
	}
	return t.keeper.whenDone()
}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (t Term) look() (time.Duration, error) {
	if t.keeper == nil {
		return 0, &LostError{Reason: LostGone}
	}
	return t.keeper.look()
}

// A Keeper keeps a Term alive. The code that renews the lease has the Keeper; everybody else has the Term. It is safe for
// concurrent use. It has a timer until the term's end, and no goroutine.
type Keeper struct {
	name  string
	token uint64
	host  host.Host

	cancel context.CancelCauseFunc // the context

	mu      sync.Mutex
	since   Instant       // when the latest successful request was sent; the term counts from there (R2)
	length  time.Duration // of the lease, as the record has it
	usable  time.Duration // how long the term holds from there
	failure error         // of the latest renewal
	ended   error         // why the term is over; nil while it holds
	timer   host.Timer
	done    chan struct{}                // closed when the term is over; nil until somebody calls Done
	before  []*func(ctx context.Context) // to run before the end, the latest first

	outer *Keeper // of the term that this one is inside of; nil for that of a lease
	inner inners  // the terms inside this one
}

// StartTerm begins the term of a lease that Acquire returned; sent is the time just before Acquire was called. The
// context carries the Term, and is cancelled with a *LostError as its cause when the term ends. The end of ctx cancels
// that context, too, but does not end the term. If the deadline has passed already, the term is over (R8).
//
// Call the Keeper's End, or the term goes on until its deadline.
func StartTerm(ctx context.Context, l Lease, sent Instant) (context.Context, *Keeper) {
	k := &Keeper{
		name: l.Name, token: l.Token, host: host.From(ctx),
		since: sent.Sample(), usable: usable(l), length: l.Length,
	}
	ctx, k.cancel = context.WithCancelCause(WithTerm(ctx, k.Term()))
	k.tick()
	return ctx, k
}

// Term returns the term that this keeper keeps.
func (k *Keeper) Term() Term { return Term{k} }

// usable returns how long a lease holds from just before the request that got or renewed it: its length less the margin
// (R2).
func usable(l Lease) time.Duration { return max(l.Length-Margin(l.Length), 0) }

// Extend extends the term by a renewal that succeeded; sent is the time just before Renew was called. A term that has
// ended does not begin again (R8), and an older renewal does not shorten a term that a later one has extended.
func (k *Keeper) Extend(l Lease, sent Instant) {
	k.do(func() {
		if k.outer != nil || k.count() != nil {
			return
		}
		sent = sent.Sample()
		if l.Length >= k.length && usable(l)-sent.counted < k.remaining() {
			return
		} // else the record has a shorter length: others wait for no longer than that
		k.since, k.usable, k.length, k.failure = sent, usable(l), l.Length, nil
		k.arm()
	})
}

// Failed notes why a renewal failed. If the term then reaches its deadline, its LostError wraps err.
func (k *Keeper) Failed(err error) {
	k.do(func() { k.failure = err })
}

// Cancel cancels the context with the cause, unless it is cancelled already, and leaves the term as it is. It is for a
// work that is to return while the lease is still held.
func (k *Keeper) Cancel(cause error) { k.cancel(cause) }

// End ends the term, unless it has ended: Check fails from now on, and the context is cancelled. Do not release the
// lease before (R8). Check and the context return the cause, a *LostError. Nil means that the lease is being released;
// so does any other error, which is wrapped.
func (k *Keeper) End(cause error) {
	if _, ok := errors.AsType[*LostError](cause); !ok {
		cause = &LostError{Name: k.name, Token: k.token, Reason: LostReleased, Err: cause}
	}
	k.do(func() {
		if k.count() == nil {
			k.end(cause)
		}
	})
}

func (k *Keeper) look() (remaining time.Duration, err error) {
	k.do(func() {
		if err = k.count(); err == nil {
			remaining = k.remaining()
		}
	})
	return remaining, err
}

func (k *Keeper) whenDone() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.done != nil:
		return k.done
	case k.ended != nil:
		return closed
	}
	k.done = make(chan struct{})
	return k.done
}

// tick samples, and arms the timer for the next sample.
func (k *Keeper) tick() {
	k.do(func() {
		if k.count() == nil {
			k.arm()
		}
	})
}

// do runs f under the lock. If the term has ended, it then cancels the context, outside the lock.
func (k *Keeper) do(f func()) {
	k.mu.Lock()
	f()
	ended := k.ended
	k.mu.Unlock()
	if ended != nil {
		k.cancel(ended)
		k.inner.tick()
		if k.outer != nil {
			k.outer.inner.remove(k)
			k.outer.tellEnd()
		}
	}
}

// The methods below run under the lock.

// count samples the clocks (R3), and ends the term if it has reached its deadline. It returns why the term is over.
func (k *Keeper) count() error {
	if k.ended == nil && k.outer != nil {
		if _, over := k.outer.peek(); over != nil {
			k.end(k.endWith(over))
		}
	} else if k.ended == nil {
		k.since = k.since.Sample()
		if k.remaining() <= 0 {
			why := k.since.err()
			if why == nil {
				why = k.failure
			}
			k.end(&LostError{Name: k.name, Token: k.token, Reason: LostExpired, Err: why})
		}
	}
	return k.ended
}

func (k *Keeper) remaining() time.Duration {
	if k.outer != nil {
		remaining, _ := k.outer.peek()
		return remaining
	}
	return k.usable - k.since.counted
}

func (k *Keeper) end(cause error) {
	k.ended = cause
	if k.timer != nil {
		k.timer.Stop()
	}
	if k.done != nil {
		close(k.done)
	}
}

func (k *Keeper) arm() {
	if k.outer != nil {
		return
	}
	if k.timer != nil {
		k.timer.Stop()
	}
	k.timer = k.host.AfterFunc(min(SampleEvery, k.remaining()), k.tick)
}
