package leasetest

import (
	"context"
	"iter"
	"sync"

	"github.com/cloudlease/leader/lease"
)

// Late returns a store that calls answered after each request, for [Place.Slow] of a manager that lease.NewManager makes.
// An error of answered replaces the answer. The store has the Limits of s.
func Late(s lease.Store, answered func() error) lease.Store {
	if _, ok := s.(lease.Lister); ok {
		return lateList{late{s, answered}}
	}
	return late{s, answered}
}

type late struct {
	store    lease.Store
	answered func() error
}

// Limits are those of the store; none if it has no such method.
func (l late) Limits() (limits lease.Limits) {
	if limiter, ok := l.store.(lease.Limiter); ok {
		limits = limiter.Limits()
	}
	return limits
}

func (l late) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	snapshot, err := l.store.Load(ctx, name)
	if lost := l.answered(); lost != nil {
		return lease.Snapshot{}, lost
	}
	return snapshot, err
}

func (l late) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	version, err := l.store.Swap(ctx, name, old, data)
	if lost := l.answered(); lost != nil {
		return "", lost
	}
	return version, err
}

type lateList struct{ late }

// List is one request.
func (l lateList) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		var page []lease.Cell
		var failed error
		for cell, err := range l.store.(lease.Lister).List(ctx, prefix) {
			if failed = err; err != nil {
				break
			}
			page = append(page, cell)
		}
		if lost := l.answered(); lost != nil {
			page, failed = nil, lost
		}
		for _, cell := range page {
			if !yield(cell, nil) {
				return
			}
		}
		if failed != nil {
			yield(lease.Cell{}, failed)
		}
	}
}

// answers delays or replaces answers to the requests of a manager that Place.Slow made. A check sets the fate of the next
// answer; all others pass.
type answers struct {
	mu   sync.Mutex
	next func() error
}

func (a *answers) answered() error {
	a.mu.Lock()
	fate := a.next
	a.next = nil
	a.mu.Unlock()
	if fate == nil {
		return nil
	}
	return fate()
}

func (a *answers) onNext(fate func() error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next = fate
}

// hold keeps the nth of the next answers back until release is called. arrived is closed when there is one.
func (a *answers) hold(nth int) (arrived <-chan struct{}, release func()) {
	came, goOn := make(chan struct{}), make(chan struct{})
	a.onNth(nth, func() error {
		close(came)
		<-goOn
		return nil
	})
	return came, sync.OnceFunc(func() { close(goOn) })
}

// onNth sets the fate of the nth of the next answers.
func (a *answers) onNth(nth int, fate func() error) {
	a.onNext(func() error {
		if nth == 1 {
			return fate()
		}
		a.onNth(nth-1, fate)
		return nil
	})
}
