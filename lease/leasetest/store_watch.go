package leasetest

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

// hintWithin is how long a hint, or the end of a watch, may take on a busy machine.
const hintWithin = 30 * time.Second

// watchHints: a change of the cell, and its creation, are seen soon; a watch holds no writer up.
func watchHints(t testing.TB, s lease.Store) {
	name := newName()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hints := watchCell(t, s, ctx, name)
	version := swap(t, s, name, "", "first")
	wantHint(t, hints, "the cell was created")
	version = swap(t, s, name, version, "second")
	wantHint(t, hints, "the cell was changed")
	for i := range 5 { // nobody takes the hints
		version = swap(t, s, name, version, fmt.Sprint("more ", i))
	}
	wantHint(t, hints, "the cell was changed, and changed again")
	other := watchCell(t, s, ctx, name) // beside the first
	swap(t, s, name, version, "the last")
	wantHint(t, hints, "the cell was changed, with two watches")
	wantHint(t, other, "the cell was changed, with two watches")
}

// watchEnds: the channel is closed when the context ends, another watch of the cell goes on, and no goroutine stays.
func watchEnds(t testing.TB, s lease.Store) {
	name := newName()
	pprof.Do(t.Context(), pprof.Labels("leasetest", name), func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		first, end := context.WithCancel(ctx)
		defer cancel()
		ended, stays := watchCell(t, s, first, name), watchCell(t, s, ctx, name)
		end()
		wantClosed(t, ended)
		swap(t, s, name, "", "first")
		wantHint(t, stays, "the cell was created, and another watch of it has ended")
		cancel()
		wantClosed(t, stays)
		if _, err := s.(lease.Watcher).Watch(first, name); err == nil {
			t.Errorf("Watch with a context that has ended: no error")
		}
	})
	label := fmt.Appendf(nil, "%q:%q", "leasetest", name)
	for from := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		var profile bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(profile.Bytes(), label) {
			return
		}
		if time.Since(from) > hintWithin {
			t.Fatalf("goroutines of Watch stay after all watches have ended:\n%s", &profile)
		}
	}
}

func watchCell(t testing.TB, s lease.Store, ctx context.Context, name string) <-chan struct{} {
	t.Helper()
	hints, err := s.(lease.Watcher).Watch(ctx, name)
	if err != nil {
		t.Fatalf("Watch(%s): %v", short(name), err)
	}
	return hints
}

func wantHint(t testing.TB, hints <-chan struct{}, what string) {
	t.Helper()
	select {
	case _, ok := <-hints:
		if !ok {
			t.Fatalf("Watch has closed its channel, and its context goes on: %s", what)
		}
	case <-time.After(hintWithin):
		t.Fatalf("Watch gives no hint within %v, though %s", hintWithin, what)
	}
}

func wantClosed(t testing.TB, hints <-chan struct{}) {
	t.Helper()
	for late := time.After(hintWithin); ; {
		select {
		case _, ok := <-hints:
			if !ok {
				return
			}
		case <-late:
			t.Fatalf("Watch does not close its channel within %v of the end of its context", hintWithin)
		}
	}
}
