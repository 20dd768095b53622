// Package memory keeps leases in the memory of one process: for tests, examples and the goroutines of one program. A
// leader uses it by default, if it is given no other store. It elects no leader across processes.
//
// Its URL is mem: (each Open makes a new, empty Manager).
package memory

import (
	"context"
	"iter"
	"net/url"
	"sync"

	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

func init() {
	lease.Register("mem", func(_ context.Context, u *url.URL) (lease.Manager, error) {
		if u.Host != "" || u.Path != "" || u.Opaque != "" {
			return nil, storeurl.Refuse(u, "memory has no places to name", "mem: alone")
		}
		if _, err := storeurl.Query(u); err != nil {
			return nil, err
		}
		return New(), nil
	})
}

// Manager keeps leases in memory. Make one with New, and share it among the leaders that compete with each other.
type Manager struct {
	protocol lease.Manager

	mu       sync.Mutex // held during each call: with AssignLeader, a call takes several steps of the protocol
	assigned map[string]assignment
}

// An assignment names the only holder that may have a lease, and keeps the lease for that holder until it asks.
type assignment struct {
	holder string
	kept   *lease.Lease
}

// New returns a Manager without leases.
func New() *Manager {
	return &Manager{protocol: lease.NewManager(NewStore()), assigned: map[string]assignment{}}
}

// Unwrap returns the manager that keeps the leases.
func (m *Manager) Unwrap() lease.Manager { return m.protocol }

// AssignLeader makes holder the only one that can have the lease, so that a test decides who leads. Another holder
// loses the lease now, and all others find it lost or held from now on. The assigned holder gets the lease when it next
// asks. An empty holder lifts the assignment. A name or holder that no lease can have changes nothing.
//
// It acts from outside, as if somebody had changed the record by hand: a running term notices at its next renewal, and
// its Check is nil until then.
func (m *Manager) AssignLeader(name, holder string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ctx := context.Background()
	if before := m.assigned[name]; before.kept != nil {
		_ = m.protocol.Release(ctx, *before.kept)
	}
	delete(m.assigned, name)
	if holder == "" {
		return
	}
	info, err := lease.Inspect(ctx, m.protocol, name)
	if err != nil || lease.CheckName(holder) != nil {
		return
	}
	next := assignment{holder: holder}
	if info.State != lease.Held || info.Holder != holder {
		if info.State == lease.Held {
			_ = m.protocol.Release(ctx, lease.Lease{
				Name: name, Holder: info.Holder, ID: info.ID, Token: info.Token, Length: info.Length, Version: info.Version,
				Acquired: info.Acquired, Attributes: info.Attributes, Value: info.Value, History: info.History, // which outlive the term
			})
		}
		if kept, err := m.protocol.Acquire(ctx, lease.Request{Name: name, Holder: holder, Length: lease.Forever}); err == nil {
			next.kept = &kept
		}
	}
	m.assigned[name] = next
}

// Acquire implements lease.Manager.
func (m *Manager) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.assigned[req.Name]
	if ok && a.holder != req.Holder {
		if err := req.Validate(lease.LimitsOf(m.protocol)); err != nil {
			return lease.Lease{}, lease.Explain(lease.PlaceOf(m), "acquire lease", req.Name, err)
		}
		info, err := m.shown(ctx, req.Name, a)
		if err != nil {
			return lease.Lease{}, err
		}
		return lease.Lease{}, &lease.HeldError{Info: info}
	}
	if a.kept != nil {
		if err := m.protocol.Release(ctx, *a.kept); err != nil {
			return lease.Lease{}, err
		}
		m.assigned[req.Name] = assignment{holder: a.holder}
	}
	return m.protocol.Acquire(ctx, req)
}

// Renew implements lease.Manager.
func (m *Manager) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, ok := m.assigned[held.Name]; ok && a.holder != held.Holder {
		if err := held.Validate(lease.LimitsOf(m.protocol)); err != nil {
			return lease.Lease{}, lease.Explain(lease.PlaceOf(m), "renew lease", held.Name, err)
		}
		now, err := m.shown(ctx, held.Name, a)
		if err != nil {
			return lease.Lease{}, err
		}
		return lease.Lease{}, &lease.LostError{Name: held.Name, Token: held.Token, Reason: lease.LostTaken, Now: now}
	}
	return m.protocol.Renew(ctx, held)
}

// Release implements lease.Manager.
func (m *Manager) Release(ctx context.Context, held lease.Lease) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.protocol.Release(ctx, held)
}

// Inspect returns the lease as everybody but an assigned leader sees it.
func (m *Manager) Inspect(ctx context.Context, name string) (lease.Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, ok := m.assigned[name]; ok {
		return m.shown(ctx, name, a)
	}
	return lease.Inspect(ctx, m.protocol, name)
}

// List yields each lease as Inspect returns it.
func (m *Manager) List(ctx context.Context, prefix string) iter.Seq2[lease.Info, error] {
	return func(yield func(lease.Info, error) bool) {
		for info, err := range lease.List(ctx, m.protocol, prefix) {
			if err == nil && info.Err == nil {
				info = m.seen(info)
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

func (m *Manager) seen(info lease.Info) lease.Info {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, ok := m.assigned[info.Name]; ok {
		return a.shows(info)
	}
	return info
}

// Break implements lease.Breaker. An assigned lease stays its leader's, who gets it again when the broken term is over: AssignLeader alone
// takes it away. It stays as it is if that leader has not asked for it yet.
func (m *Manager) Break(ctx context.Context, seen lease.Info) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.assigned[seen.Name].kept != nil { // no node holds it
		_, err := lease.Inspect(ctx, m.protocol, seen.Name)
		return err
	}
	return lease.Break(ctx, m.protocol, seen)
}

// shown returns an assigned lease: the assigned leader holds it, whether it has asked yet or not.
func (m *Manager) shown(ctx context.Context, name string, a assignment) (lease.Info, error) {
	info, err := lease.Inspect(ctx, m.protocol, name)
	if err != nil {
		return lease.Info{}, err
	}
	return a.shows(info), nil
}

func (a assignment) shows(info lease.Info) lease.Info {
	info.State, info.Holder, info.RetryAfter = lease.Held, a.holder, 0
	return info
}
