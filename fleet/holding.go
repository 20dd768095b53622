package fleet

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/cloudlease/leader/lease"
)

// A Holding is this node's latest term of one of the fleet's leases: its seat, or the coordinator's office.
type Holding struct {
	Token uint64 // 0: this node has never had the lease
	Value string // as it was last stored
	Held  bool   // false: the lease was given back or lost, or is left to run out
}

// Holdings yields this node's latest term of the fleet's lease with that name: at once, and then each time that the term or its value has
// changed in the store. A caller that is slow gets the latest alone. Renewals alone change nothing. It ends with ctx.
//
// leaderhttp.FleetHandler uses it to tell other nodes of changes, so that they need not look at the store.
func (f *Fleet) Holdings(ctx context.Context, name string) iter.Seq[Holding] {
	return func(yield func(Holding) bool) {
		last, changed := f.board.read(name)
		for yield(last) {
			for {
				select {
				case <-changed:
				case <-ctx.Done():
					return
				}
				var now Holding
				if now, changed = f.board.read(name); now != last {
					last = now
					break
				}
			}
		}
	}
}

// A board shows what this node holds.
type board struct {
	mu      sync.Mutex
	posted  map[string]posted // by the name of the lease
	changed chan struct{}     // closed at the next change; nil: nobody waits
}

// A posted is a holding with the number of its value (V3).
type posted struct {
	Holding
	number uint64
}

func (b *board) read(name string) (Holding, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.posted[name].Holding, b.changed
}

// post takes what an answer of the store has shown, which may come late: tokens and the numbers of values only grow, and a term
// that is over does not come back.
func (b *board) post(l lease.Lease, held bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	last, now := b.posted[l.Name], posted{Holding{l.Token, l.Value, held}, l.ValueNumber}
	switch {
	case l.Token < last.Token:
		return
	case l.Token == last.Token:
		now.Held = held && last.Held
		if now.number < last.number {
			now.Value, now.number = last.Value, last.number
		}
	}
	if b.posted == nil {
		b.posted = map[string]posted{}
	}
	b.posted[l.Name] = now
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// end posts that a term is over, also if no answer of the store has said so: it has run out, or is left to.
func (b *board) end(name string, token uint64) {
	if now, _ := b.read(name); now.Token == token && now.Held {
		b.post(lease.Lease{Name: name, Token: token, Value: now.Value}, false)
	}
}

// A poster is a lease manager that posts on the board what the store has acknowledged, and passes wishes on that renewals have found.
type poster struct {
	lease.Manager
	board *board
	heeds []string // the kinds of wishes that are passed on
	hear  func(lease.Wish)
}

// Unwrap makes the manager's optional interfaces found.
func (p poster) Unwrap() lease.Manager { return p.Manager }

// Acquire posts a lease that is got.
func (p poster) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	req.Heeds = append(slices.Clone(req.Heeds), p.heeds...)
	l, err := p.Manager.Acquire(ctx, req)
	if err == nil {
		p.board.post(l, true)
	}
	return l, err
}

// Renew posts the value that is stored. It drops a wish that the renewal before has found: that was passed on.
func (p poster) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	if slices.Contains(p.heeds, held.Wish.Kind) {
		held.Wish = lease.Wish{}
	}
	l, err := p.Manager.Renew(ctx, held)
	if err == nil && slices.Contains(p.heeds, l.Wish.Kind) {
		p.hear(l.Wish)
	}
	switch {
	case err == nil:
		p.board.post(l, true)
	case errors.Is(err, lease.ErrLost):
		p.board.post(held, false)
	}
	return l, err
}

// Release posts that a lease is given back. If that fails, it runs out.
func (p poster) Release(ctx context.Context, held lease.Lease) error {
	defer p.board.post(held, false)
	return p.Manager.Release(ctx, held)
}
