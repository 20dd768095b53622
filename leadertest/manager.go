package leadertest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/cloudlease/leader/internal/absent"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// A Manager is a lease manager that fails as a store does, when a test says so. Make one with NewManager. It is safe for
// concurrent use, also of Set and Forget while requests are under way, and works in a testing/synctest bubble.
//
// Its faults affect the requests of its callers. To cut off one node alone, give each node its own Manager, above one that
// all nodes share:
//
//	store := leadertest.NewManager(nil)
//	a, b := leadertest.NewManager(store), leadertest.NewManager(store)
//	a.Set(leadertest.CutOff)  // node a cannot reach the store; node b can
//	store.Forget("orders")    // for all of them
type Manager struct {
	inner lease.Manager

	mu        sync.Mutex
	faults    map[Op]Fault
	forgotten map[string]int           // how often a lease was forgotten, by its name
	renamed   map[string]title         // by the name in the manager below: the lease's own name
	forgets   map[string]chan struct{} // closed when a lease that is watched is forgotten
}

// A Fault says how requests fail.
type Fault int

const (
	// None: requests work.
	None Fault = iota

	// CutOff: requests do not reach the store, and fail at once with ErrFault, as when a connection is refused.
	CutOff

	// Hang: requests do not reach the store, and get no answer. When its context ends, a request fails with ErrFault and
	// the context's cause, also if the test has ended the fault by then: a packet that was dropped does not come back.
	Hang

	// LoseAnswers: the store carries out the requests, but they fail with ErrFault. The caller cannot tell this from
	// CutOff. The Manager releases a lease whose acquisition lost its answer, as every lease.Manager must.
	LoseAnswers
)

// An Op is a kind of request.
type Op string

// The kinds of requests. Inspect includes List, Ask includes Withdraw, and Place is FindPlace and MakePlace. Load and Swap are the requests
// to the store for what a program keeps beside its leases, as package checkpoint does; Load includes List there. A fault of Watch also keeps
// back the hints of watches that have begun.
const (
	Acquire Op = "acquire"
	Renew   Op = "renew"
	Release Op = "release"
	Inspect Op = "inspect"
	Break   Op = "break"
	Ask     Op = "ask"
	Watch   Op = "watch"
	Load    Op = "load"
	Swap    Op = "swap"
	Place   Op = "place"
)

var allOps = [...]Op{Acquire, Renew, Release, Inspect, Break, Ask, Watch, Load, Swap, Place}

// errors.Is finds ErrFault in the error of a request that a Fault has hit.
var ErrFault = errors.New("leadertest: the connection to the store broke")

// NewManager returns a Manager without faults that passes requests to m, which keeps the leases. If m is nil, a new
// memory.Manager keeps them; likewise if it is a nil pointer.
func NewManager(m lease.Manager) *Manager {
	if absent.Is(m) {
		m = memory.New()
	}
	return &Manager{
		inner: m, faults: map[Op]Fault{}, forgotten: map[string]int{}, renamed: map[string]title{}, forgets: map[string]chan struct{}{},
	}
}

// Set sets the fault of requests of these kinds, or of all kinds if none is named; None ends a fault. It does not affect
// requests under way.
//
//	m.Set(leadertest.Hang, leadertest.Renew) // and everything else works
func (m *Manager) Set(f Fault, only ...Op) {
	if len(only) == 0 {
		only = allOps[:]
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, op := range only {
		m.faults[op] = f
	}
}

// Forget makes the lease's record disappear, as if somebody had deleted it by hand. The holder finds the lease lost at its
// next renewal, with the reason lease.LostGone; until then its Check is nil. For all others the lease is free at once, and
// its tokens begin again at 1.
//
// A checkpoint's record disappears, too, if the name is lease.CheckpointPrefix and the checkpoint's.
//
// Only callers of this Manager see that. The manager below keeps the record, and keeps the next one under another name.
func (m *Manager) Forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgotten[name]++
	m.renamed[renamed(name, m.forgotten[name])] = title{name, m.forgotten[name]}
	if watched := m.forgets[name]; watched != nil {
		close(watched)
		delete(m.forgets, name)
	}
}

// title is a lease's name, and how often the lease had been forgotten.
type title struct {
	name string
	era  int
}

// within returns the lease's name in the manager below.
func (m *Manager) within(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return renamed(name, m.forgotten[name])
}

// roomForEra is how much of a name is left out at most, so that the name below is no longer than a name may be.
const roomForEra = 64

// renamed returns the name below. That of a long name has as much of its beginning as fits, so that a list finds it, and a digest of all.
func renamed(name string, forgotten int) string {
	if forgotten == 0 || lease.CheckName(name) != nil {
		return name // below, a name that none can be is refused
	}
	if within := fmt.Sprintf("%s (forgotten: %d)", name, forgotten); len(within) <= lease.MaxName {
		return within
	}
	digest := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%s (%x, forgotten: %d)", beginning(name), digest[:12], forgotten)
}

// beginning returns of a text what each name below has that begins with it.
func beginning(text string) string {
	if len(text) <= lease.MaxName-roomForEra {
		return text
	}
	end := lease.MaxName - roomForEra
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// Unwrap returns the manager below. Through it, callers find the limits and Close, which faults do not affect.
func (m *Manager) Unwrap() lease.Manager { return m.inner }

// Acquire implements lease.Manager.
func (m *Manager) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	name := req.Name
	req.Name = m.within(name)
	held, err := do(ctx, m, Acquire, func() (lease.Lease, error) { return m.inner.Acquire(ctx, req) })
	if errors.Is(err, ErrFault) && held.ID != "" {
		return lease.Lease{}, errors.Join(err, m.inner.Release(context.WithoutCancel(ctx), held))
	}
	if err != nil {
		return lease.Lease{}, m.translated(name, err)
	}
	held.Name = name
	return held, nil
}

// Renew implements lease.Manager.
func (m *Manager) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	name := held.Name
	held.Name = m.within(name)
	renewed, err := do(ctx, m, Renew, func() (lease.Lease, error) { return m.inner.Renew(ctx, held) })
	if err != nil {
		return lease.Lease{}, m.translated(name, err)
	}
	renewed.Name = name
	return renewed, nil
}

// Release implements lease.Manager.
func (m *Manager) Release(ctx context.Context, held lease.Lease) error {
	name := held.Name
	held.Name = m.within(name)
	_, err := do(ctx, m, Release, func() (struct{}, error) { return struct{}{}, m.inner.Release(ctx, held) })
	return m.translated(name, err)
}

// Inspect implements what lease.Inspect calls.
func (m *Manager) Inspect(ctx context.Context, name string) (lease.Info, error) {
	within := m.within(name)
	info, err := do(ctx, m, Inspect, func() (lease.Info, error) { return lease.Inspect(ctx, m.inner, within) })
	if err != nil {
		return lease.Info{}, m.translated(name, err)
	}
	info.Name = name
	return info, nil
}

// Break implements lease.Breaker.
func (m *Manager) Break(ctx context.Context, seen lease.Info) error {
	name := seen.Name
	seen.Name = m.within(name)
	_, err := do(ctx, m, Break, func() (struct{}, error) { return struct{}{}, lease.Break(ctx, m.inner, seen) })
	return m.translated(name, err)
}

// Ask implements lease.Asker.
func (m *Manager) Ask(ctx context.Context, seen lease.Info, w lease.Wish) error {
	name := seen.Name
	seen.Name = m.within(name)
	_, err := do(ctx, m, Ask, func() (struct{}, error) { return struct{}{}, lease.Ask(ctx, m.inner, seen, w) })
	return m.translated(name, err)
}

// Withdraw implements lease.Asker.
func (m *Manager) Withdraw(ctx context.Context, seen lease.Info) error {
	name := seen.Name
	seen.Name = m.within(name)
	_, err := do(ctx, m, Ask, func() (struct{}, error) { return struct{}{}, lease.Withdraw(ctx, m.inner, seen) })
	return m.translated(name, err)
}

// Watch implements lease.Watcher, if the manager below is one. It ends when the lease is forgotten.
func (m *Manager) Watch(ctx context.Context, name string) (<-chan struct{}, error) {
	ctx, end := context.WithCancel(ctx)
	forgotten := m.whenForgotten(name)
	inner, err := do(ctx, m, Watch, func() (<-chan struct{}, error) { return lease.Watch(ctx, m.inner, m.within(name)) })
	if err != nil {
		end()
		return nil, err
	}
	hints := make(chan struct{}, 1)
	go func() {
		defer close(hints)
		defer end()
		for {
			select {
			case <-forgotten:
				return
			case _, ok := <-inner:
				if !ok {
					return
				}
			}
			if m.faultOf(Watch) != None {
				continue
			}
			select {
			case hints <- struct{}{}:
			default: // there is one already
			}
		}
	}()
	return hints, nil
}

// List implements what lease.List calls.
func (m *Manager) List(ctx context.Context, prefix string) iter.Seq2[lease.Info, error] {
	return func(yield func(lease.Info, error) bool) {
		if _, err := do(ctx, m, Inspect, func() (struct{}, error) { return struct{}{}, nil }); err != nil {
			yield(lease.Info{}, err)
			return
		}
		for info, err := range lease.List(ctx, m.inner, beginning(prefix)) {
			name, is := m.outer(info.Name)
			if err == nil && (!is || !strings.HasPrefix(name, prefix)) {
				continue
			}
			info.Name = name
			if !yield(info, err) {
				return
			}
		}
	}
}

// whenForgotten returns a channel that is closed when the lease is forgotten next.
func (m *Manager) whenForgotten(name string) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.forgets[name] == nil {
		m.forgets[name] = make(chan struct{})
	}
	return m.forgets[name]
}

func (m *Manager) faultOf(op Op) Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.faults[op]
}

// outer returns the lease's name for a name in the manager below, and whether that record is not forgotten.
func (m *Manager) outer(within string) (name string, is bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.renamed[within]
	if !ok {
		t.name = within
	}
	return t.name, t.era == m.forgotten[t.name]
}

// translated returns an error of the manager below with the lease's own name.
func (m *Manager) translated(name string, err error) error {
	if held, ok := errors.AsType[*lease.HeldError](err); ok && held.Info.Name != name {
		own := *held
		own.Info.Name = name
		return &own
	}
	if refused, ok := errors.AsType[*lease.RefusedError](err); ok && refused.Name != name {
		own := *refused
		own.Name, own.Now.Name = name, name
		return &own
	}
	if lost, ok := errors.AsType[*lease.LostError](err); ok && lost.Name != name {
		own := *lost
		own.Name = name
		if own.Now.Name != "" {
			own.Now.Name = name
		}
		return &own
	}
	return err
}

// do carries out a request unless the fault of its kind keeps it from the store. It returns the answer also if the fault
// loses it: Acquire then releases the lease.
func do[T any](ctx context.Context, m *Manager, op Op, request func() (T, error)) (answer T, err error) {
	switch m.faultOf(op) {
	case None:
		return request()
	case LoseAnswers:
		answer, _ = request()
	case Hang:
		<-ctx.Done()
		return answer, fmt.Errorf("%s: %w: %w", op, ErrFault, context.Cause(ctx))
	}
	return answer, fmt.Errorf("%s: %w", op, ErrFault)
}
