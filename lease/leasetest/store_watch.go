package leasetest

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"runtime/pprof"
	"strconv"
	"strings"
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

// watchEnds: the channel is closed when the context ends, another watch of the cell goes on, and no goroutine stays. A few may, as those of
// a pool of connections, but not one for each watch.
func watchEnds(t testing.TB, s lease.Store) {
	const watches = 20
	label := newName()
	for range watches {
		name := newName()
		pprof.Do(t.Context(), pprof.Labels("leasetest", label), func(ctx context.Context) { watchAndEnd(t, s, ctx, name) })
	}
	for from := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		stay, profile := labelled(t, label)
		if stay < watches {
			return
		}
		if time.Since(from) > hintWithin {
			t.Fatalf("%d goroutines stay after %d watches, and as many others of the same cells, have ended:\n%s", stay, watches, profile)
		}
	}
}

// watchAndEnd ends a watch of a cell that does not change, and one of a cell that does. ctx has the labels of this goroutine.
func watchAndEnd(t testing.TB, s lease.Store, ctx context.Context, name string) {
	t.Helper()
	labels := ctx
	ctx, cancel := context.WithCancel(ctx)
	first, end := context.WithCancel(ctx)
	defer cancel()
	ended, stays := watchCell(t, s, first, name), watchCell(t, s, ctx, name)
	end()
	wantClosed(t, ended)
	pprof.SetGoroutineLabels(t.Context()) // what a write opens may stay
	swap(t, s, name, "", "first")
	pprof.SetGoroutineLabels(labels)
	wantHint(t, stays, "the cell was created, and another watch of it has ended")
	cancel()
	wantClosed(t, stays)
	if _, err := s.(lease.Watcher).Watch(first, name); err == nil {
		t.Errorf("Watch with a context that has ended: no error")
	}
}

// groups are those of a profile with debug=1: how many goroutines have one stack, and their labels.
var groups = regexp.MustCompile(`(?m)^(\d+) @.*\n# labels: (\{.*\})$`)

// labelled returns how many goroutines have the label, and a profile of all.
func labelled(t testing.TB, label string) (n int, profile string) {
	t.Helper()
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%q:%q", "leasetest", label)
	for _, g := range groups.FindAllStringSubmatch(all.String(), -1) {
		if some, err := strconv.Atoi(g[1]); err == nil && strings.Contains(g[2], want) {
			n += some
		}
	}
	return n, all.String()
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
