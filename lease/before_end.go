package lease

import (
	"context"
	"slices"
)

// BeforeEnd registers a function that runs once at the end of the term that ctx carries: after the work has returned, and before
// Check fails and the lease is released. So what a work has kept in memory is written while the term still protects it. The
// function's context ends at the term's deadline, or sooner if the runner says so (leader.WithEndTimeout). The term does not wait for
// a function that goes on after that, so the function calls the term's Check right before each effect. It does not run if the
// term is lost, or its process is killed. Functions run one at a time, the latest first. BeforeEnd reports false, and registers
// nothing, if ctx carries no term, the term is over, or do is nil.
func BeforeEnd(ctx context.Context, do func(ctx context.Context)) bool {
	t, _ := TermFrom(ctx)
	_, ok := t.BeforeEnd(do)
	return ok
}

// BeforeEnd does what the function BeforeEnd does, and also returns a function that takes the registration back: the term keeps do, and what
// that refers to, no longer. forget does nothing once do was begun, and waits for nothing. It is never nil.
func (t Term) BeforeEnd(do func(ctx context.Context)) (forget func(), ok bool) {
	if do == nil || t.Check() != nil {
		return func() {}, false
	}
	k, entry := t.keeper, &do
	k.mu.Lock()
	defer k.mu.Unlock()
	k.before = append(k.before, entry)
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if i := slices.Index(k.before, entry); i >= 0 {
			k.before = slices.Delete(k.before, i, i+1)
		}
	}, true
}

// BeforeEnd runs the functions that were registered by the function BeforeEnd, and returns when all have returned. It does nothing
// if the term is over. If one panics, the others still run, as deferred functions do, and then BeforeEnd panics. A runner calls it
// when the work has returned, before End, with a context that bounds it.
func (k *Keeper) BeforeEnd(ctx context.Context) {
	if do := k.latestBefore(); do != nil {
		defer k.BeforeEnd(ctx)
		do(ctx)
	}
}

// latestBefore takes the latest function that was registered; nil if none is left, or the term is over.
func (k *Keeper) latestBefore() (do func(ctx context.Context)) {
	if k.Term().Check() != nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if last := len(k.before) - 1; last >= 0 {
		do = *k.before[last]
		k.before = slices.Delete(k.before, last, last+1)
	}
	return do
}

// HasBeforeEnd reports whether BeforeEnd has functions to run.
func (k *Keeper) HasBeforeEnd() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.before) > 0
}
