package lease

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// StartWithin begins a term inside another one, with a name and a token that the caller gives it: for a runner that divides the
// work of one lease into parts which come and go. The inner term holds only while the outer one does, has the same deadline, and
// is renewed with it: it needs no timer. The caller makes sure that the tokens of a name grow.
//
// The context carries the inner term, and is cancelled when that ends. The end of ctx cancels that context, too, but does not
// end the term. Call the Keeper's End; its Extend and Failed do nothing.
func StartWithin(ctx context.Context, outer Term, name string, token uint64) (context.Context, *Keeper) {
	k := &Keeper{name: name, token: token, host: host.From(ctx), outer: outer.keeper}
	ctx, k.cancel = context.WithCancelCause(WithTerm(ctx, k.Term()))
	if k.outer == nil { // the zero Term, which has ended
		k.ended = &LostError{Name: name, Token: token, Reason: LostGone}
		k.cancel(k.ended)
		return ctx, k
	}
	k.outer.inner.add(k)
	k.tick() // the outer term may have ended before it knew of this one
	return ctx, k
}

// endWith returns why an inner term is over if the outer one is over for the given reason.
func (k *Keeper) endWith(outer error) error {
	lost := &LostError{Name: k.name, Token: k.token, Reason: LostReleased, Err: outer}
	if why, ok := errors.AsType[*LostError](outer); ok {
		lost.Reason, lost.Now = why.Reason, why.Now
	}
	return lost
}

// peek is like look, but tells nobody if it finds that the term is over: an inner term calls it under its own lock. It calls tellEnd
// afterwards.
func (k *Keeper) peek() (remaining time.Duration, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err = k.count(); err == nil {
		remaining = k.remaining()
	}
	return remaining, err
}

// tellEnd tells everybody if the term is over, which an inner term may have found first.
func (k *Keeper) tellEnd() {
	k.do(func() {})
}

// inners are the terms inside a term. They have a separate lock: an inner term asks the outer one under its lock, so the outer
// one does not tell them under its own.
type inners struct {
	mu   sync.Mutex
	them map[*Keeper]struct{}
}

func (i *inners) add(k *Keeper) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.them == nil {
		i.them = map[*Keeper]struct{}{}
	}
	i.them[k] = struct{}{}
}

func (i *inners) remove(k *Keeper) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.them, k)
}

// tick makes each of them look whether the outer term holds.
func (i *inners) tick() {
	i.mu.Lock()
	them := i.them
	i.them = nil
	i.mu.Unlock()
	for k := range them {
		k.tick()
	}
}
