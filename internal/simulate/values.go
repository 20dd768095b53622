package simulate

import (
	"context"
	"fmt"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// A value that a work keeps is the number of the term and how many values the term has set: later ones are greater.
type value struct {
	token uint64
	set   int
}

func (v value) String() string { return fmt.Sprintf("%d.%d", v.token, v.set) }

func (v value) before(u value) bool { return v.token < u.token || v.token == u.token && v.set < u.set }

// valueOf reads what a work has kept; zero if nothing was.
func valueOf(text string) (v value) {
	_, _ = fmt.Sscanf(text, "%d.%d", &v.token, &v.set)
	return v
}

// keep sets the lease's value, and waits until it is stored. Another goroutine calls SetValue, so that the work notices the end of
// its context when it is its turn.
func (j *job) keep() {
	j.w.mu.Lock()
	set := value{token: j.term.Token(), set: 1}
	if j.kept.token == set.token {
		set.set = j.kept.set + 1
	}
	j.w.mu.Unlock()
	stored := make(chan error, 1)
	go func() { stored <- leader.SetValue(j.ctx, set.String()) }()
	var err error
	select {
	case err = <-stored:
	case <-j.ctx.Done():
		err = context.Cause(j.ctx)
	case <-j.w.over:
		return
	}
	select { // in any case: what ends the wait for a value may end the context at the same instant
	case <-j.process.notices(j.notices):
	case <-j.w.over:
		return
	}
	j.w.judgeKept(j, set, err)
}

// judgeKept checks V2 when SetValue has returned: success means that the value stands, or one that was set later. From now on,
// every call that renews or releases the lease carries it, if it is set.
func (w *world) judgeKept(j *job, set value, err error) {
	stands := valueOf(w.store.record.Value)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed() || w.deleted {
		return
	}
	if err == nil {
		w.counts["work: keeps a value"]++
		if stands.before(set) {
			w.breaks("V2: %s has stored %v, and the record has %v", j.name, set, stands)
		}
	}
	if !valueOf(leader.Value(j.ctx)).before(set) {
		j.kept = set
	}
}

// judgeCarried checks V2 when a call begins that renews or releases the lease.
func (w *world) judgeCarried(p *process, op leader.Op, held lease.Lease) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.deleted && p.kept.token == held.Token && valueOf(held.Value).before(p.kept) {
		w.breaks("V2: %s is to %s with the value %q, after it has set %v", p.name, op, held.Value, p.kept)
	}
}

// judgeValue checks what a write does to the value: whatever takes the lease inherits it (V1), and within a term it goes forward
// (V3). The caller holds the lock.
func (w *world) judgeValue(p *process, before, r record) {
	switch {
	case before.ID != r.ID && r.Value != before.Value:
		w.breaks("V1: %s takes the lease over, and its value goes from %q to %q", p.name, before.Value, r.Value)
	case before.ID != r.ID && r.Number != 0:
		w.breaks("V3: %s takes the lease over with value number %d", p.name, r.Number)
	case before.ID == r.ID && r.Number < before.Number:
		w.breaks("V3: %s takes value number %d, %q, back to %d, %q", p.name, before.Number, before.Value, r.Number, r.Value)
	case before.ID == r.ID && r.Number == before.Number && r.Value != before.Value:
		w.breaks("V3: %s writes two values with number %d: %q and %q", p.name, r.Number, before.Value, r.Value)
	}
}
