package leasetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

// newName returns the name of a cell or lease that nobody else uses.
func newName() string { return "leasetest-" + rand.Text() }

// race calls f(0) to f(n-1), all at once, and waits for them.
func race(n int, f func(i int)) {
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	all.Wait()
}

// forEach calls f for each item, eight at a time.
func forEach[T any](items []T, f func(item T)) {
	next := make(chan T)
	var all sync.WaitGroup
	for range min(8, len(items)) {
		all.Go(func() {
			for item := range next {
				f(item)
			}
		})
	}
	for _, item := range items {
		next <- item
	}
	close(next)
	all.Wait()
}

// ended returns a context that has ended.
func ended(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// wantSoon fails if f does not return soon, as it must when its context has ended.
func wantSoon(t testing.TB, what string, f func()) {
	t.Helper()
	from := time.Now()
	f()
	if took := time.Since(from); took > 10*time.Second {
		t.Errorf("%s returned %v after its context had ended; want soon", what, took)
	}
}

// The functions below fail the test if the manager returns an error.

func acquire(t testing.TB, m lease.Manager, req lease.Request) lease.Lease {
	t.Helper()
	l, err := m.Acquire(t.Context(), req)
	if err != nil {
		t.Fatalf("Acquire of a lease that is free, by %q: %v", req.Holder, err)
	}
	return l
}

func renew(t testing.TB, m lease.Manager, held lease.Lease) lease.Lease {
	t.Helper()
	l, err := m.Renew(t.Context(), held)
	if err != nil {
		t.Fatalf("Renew by %q, who holds the lease with token %d: %v", held.Holder, held.Token, err)
	}
	return l
}

func release(t testing.TB, m lease.Manager, held lease.Lease) {
	t.Helper()
	if err := m.Release(t.Context(), held); err != nil {
		t.Fatalf("Release by %q, who holds the lease with token %d: %v", held.Holder, held.Token, err)
	}
}

func inspect(t testing.TB, m lease.Manager, name string) lease.Info {
	t.Helper()
	info, err := lease.Inspect(t.Context(), m, name)
	if err != nil {
		t.Fatalf("Inspect: %v", err)
	}
	return info
}

// wantHeld fails unless somebody else holds the lease.
func wantHeld(t testing.TB, m lease.Manager, req lease.Request) lease.Info {
	t.Helper()
	l, err := m.Acquire(t.Context(), req)
	if err == nil {
		t.Fatalf("Acquire of a held lease, by %q: got it with token %d, want ErrHeld", req.Holder, l.Token)
	}
	var held *lease.HeldError
	if !errors.As(err, &held) || !errors.Is(err, lease.ErrHeld) {
		t.Fatalf("Acquire of a held lease: %v; want a *HeldError", err)
	}
	return held.Info
}

// wantLost fails unless err says that the lease was lost in that way.
func wantLost(t testing.TB, what string, err error, was lease.Lease, reason lease.LostReason) {
	t.Helper()
	if err == nil {
		t.Fatalf("%s: no error, want ErrLost: %s", what, reason)
	}
	var lost *lease.LostError
	if !errors.As(err, &lost) || !errors.Is(err, lease.ErrLost) {
		t.Fatalf("%s: %v; want a *LostError: %s", what, err, reason)
	}
	if lost.Reason != reason || lost.Name != was.Name || lost.Token != was.Token {
		t.Errorf("%s: LostError of lease %q, token %d, reason %q; want %q, %d, %q",
			what, lost.Name, lost.Token, lost.Reason, was.Name, was.Token, reason)
	}
}

// short makes a long text fit for a message.
func short(s string) string {
	if len(s) > 60 {
		return fmt.Sprintf("%.60q... of %d bytes", s, len(s))
	}
	return fmt.Sprintf("%q", s)
}
