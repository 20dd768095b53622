//go:build unix

package chaos

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/stress/chaos/register"
)

// S1, S2, S3, L1: whatever happens to the leader, the standbys, their network and the store, at most one term holds, the
// register accepts no stale write, and another node leads in time.
func TestChaos(t *testing.T) {
	begin(t)
	binary, err := worker()
	require.NoError(t, err)
	var tallies []*tally
	var all sync.WaitGroup
	for _, p := range places() {
		tally := newTally(p)
		// Not t.Parallel, which runs as many tests as there are processors: these wait, most of the time.
		all.Go(func() { t.Run(p.name, func(t *testing.T) { p.run(t, binary, tally) }) })
		tallies = append(tallies, tally)
	}
	all.Wait()
	tallies = slices.DeleteFunc(tallies, func(t *tally) bool { return t.rounds == 0 }) // skipped
	t.Logf("seed %d\n%s", *seed, table(tallies))
	judgeAll(t, tallies)
}

// begin draws a seed, unless one is given, and prints it.
func begin(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("repeat the schedule with -seed %d", *seed)
	if *own {
		startEmulators(t)
	}
}

// overtime is how much longer than asked the test may take until all that has to come about has.
const overtime = 4 * time.Minute

// run runs the elections of a place side by side.
func (p *place) run(t *testing.T, binary string, tally *tally) {
	var all sync.WaitGroup
	until := time.Now().Add(*duration)
	for i := range p.elections {
		all.Go(func() {
			t.Run(fmt.Sprint(i+1), func(t *testing.T) {
				e := newElection(t, p, binary, p.random(i), tally)
				next := p.schedule(i)
				for time.Now().Before(until) || len(tally.lacks()) > 0 && time.Since(until) < overtime {
					e.round(next())
					tally.round()
				}
				e.judge()
			})
		})
	}
	all.Wait()
	if t.Failed() || tally.rounds == 0 {
		return // skipped
	}
	require.Empty(t, tally.lacks(), "did not come about")
	require.False(t, tally.late(tally.crashes, p.bound()), "L1: the median keeps the bound itself")
	require.False(t, tally.late(tally.handovers, p.interval()+request), "L1: the median keeps the bound itself, after a release")
}

// judgeAll checks that the evidence would have shown a fault: a register that never had to refuse anything has not been tested.
func judgeAll(t *testing.T, tallies []*tally) {
	var sum Evidence
	for _, tally := range tallies {
		sum.Effects += tally.journal.Effects
		sum.Refused += tally.journal.Refused
		sum.Careless += tally.journal.Careless
	}
	require.NotZero(t, sum.Effects)
	require.NotZero(t, sum.Refused, "stale writes that the register refused")
	require.NotZero(t, sum.Careless, "overlaps that careless workers made")
}

// schedule returns the faults of an election one by one: all of them, in an order that the seed chooses, and again in another
// order. The elections of a place begin at different faults, so that all of them come about soon.
func (p *place) schedule(election int) func() fault {
	random := rand.New(rand.NewPCG(*seed, p.hash()))
	deck := p.possible()
	random.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	n := election * len(deck) / p.elections
	own := p.random(-1 - election)
	return func() fault {
		if n == len(deck) {
			n = 0
			own.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		n++
		return deck[n-1]
	}
}

func (p *place) random(stream int) *rand.Rand {
	return rand.New(rand.NewPCG(*seed, p.hash()+uint64(stream)))
}

func (p *place) hash() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.name)) // never fails
	return h.Sum64()
}

// A worker ends when its parent is gone. Otherwise workers would fill up the machine.
func TestWorkerEndsWithItsParent(t *testing.T) {
	binary, err := worker()
	require.NoError(t, err)
	e := &election{crew: newCrew(t, places()[0], binary, nil, nil)}
	e.crew.see = e.see
	require.NoError(t, register.Create(e.file("register")))
	n := e.newNode("a", false)
	e.nodes = append(e.nodes, n)
	e.start(n)
	e.next(0)
	n.asked = true
	require.NoError(t, n.stdin.Close())
	e.must("the worker ends", patience, func(event) bool { return n.ended })
	require.Equal(t, 3, n.cmd.ProcessState.ExitCode())
	_, err = os.Stat(e.file("journal"))
	require.NoError(t, err)
}
