package fleettest_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leadertest"
)

// A counter is the work that is to be tested: what a program passes to fleet.WhenAssigned. It counts for each part, and counts no more once
// the part's term is over.
type counter struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *counter) work(ctx context.Context, part string) error {
	term, _ := leader.TermFrom(ctx)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := term.Check(); err != nil {
			return err
		}
		c.mu.Lock()
		c.counts[part]++
		c.mu.Unlock()
	}
}

// Three nodes divide twelve parts. One crashes, and the others take over its parts; a new one comes, and gets its share. In a bubble, these
// minutes take no time.
func TestACrashAndANewNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{counts: map[string]int{}}
		ships := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(12))
		a := ships.Join("a", c.work)
		ships.Join("b", c.work)
		ships.Join("c", c.work)
		ships.Settle()
		if loads := ships.Loads(); loads["a"] != 4 || loads["b"] != 4 || loads["c"] != 4 {
			t.Errorf("three nodes have %v", loads)
		}

		a.Crash()
		ships.Settle()
		if loads := ships.Loads(); loads["b"] != 6 || loads["c"] != 6 {
			t.Errorf("after the crash of a, the others have %v", loads)
		}

		before := ships.Begun()
		ships.Join("d", c.work)
		ships.Settle()
		if moves := ships.Begun() - before; moves != 4 {
			t.Errorf("%d parts have moved to d, and 4 are its share", moves)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.counts) != 12 {
			t.Errorf("%d parts were worked on", len(c.counts))
		}
	})
}

// A node is cut off from the store, and another one's machine sleeps: fleettest fails the test if two nodes ever work on one part.
func TestANodeIsCutOffAndAnotherOneSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ships := fleettest.New(t, fleet.WithName("ships"), fleet.WithParts("asia", "eu", "us"))
		a, b := ships.Join("a", fleettest.Wait), ships.Join("b", fleettest.Wait)
		ships.Join("c", fleettest.Wait)
		ships.Settle()

		a.Store.Set(leadertest.CutOff)
		b.Sleep(time.Hour)
		ships.Settle()
		for part, node := range ships.Where() {
			if node != "c" {
				t.Errorf("%s is at %s, and only c can work", part, node)
			}
		}

		a.Store.Set(leadertest.None)
		time.Sleep(time.Hour)
		ships.Settle()
		if loads := ships.Loads(); len(loads) != 3 {
			t.Errorf("all are well again, and have %v", loads)
		}
	})
}

// A node leaves in order, as in a rolling restart, and comes again. Others work on its parts within an interval.
func TestARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ships := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(6))
		for _, name := range []string{"a", "b"} {
			ships.Join(name, fleettest.Wait)
		}
		c := ships.Join("c", fleettest.Wait)
		ships.Settle()
		if err := c.Leave(); err != nil {
			t.Error(err)
		}
		time.Sleep(fleet.DefaultLeaseLength / 3)
		if parts := len(ships.Where()); parts != 6 {
			t.Errorf("%d of 6 parts are worked on an interval after c has left", parts)
		}
		ships.Join("c", fleettest.Wait)
		ships.Settle()
		if loads := ships.Loads(); loads["c"] != 2 {
			t.Errorf("c has %d parts again", loads["c"])
		}
	})
}
