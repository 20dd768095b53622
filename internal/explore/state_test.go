package explore

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Histories that count as one state have the same future. On long random walks, real processes live through all that happens,
// and have at each step the state that the explorer predicts from other histories. Half of the walks are new each time.
func TestAStateDecidesItsFuture(t *testing.T) {
	for _, ages := range []bool{false, true} {
		x := newExplorer(Bound{Nodes: 2, Acquisitions: 6, Faults: 1, Steps: 4, Ages: ages, MaxDepth: depthOfWalks}, flaws{}, nil)
		require.NoError(t, x.run().Broken)
		x.Faults = 6
		var live [2]*life
		x.moved = func(of uint8, from *local, e event, m *move) { live[of].take(t, from, e, m) }
		fresh := rand.Uint64()
		for walk := range uint64(walks) {
			r := rand.New(rand.NewPCG(walk+walk%2*fresh, 7))
			t.Logf("walk %d: seed %d", walk, walk+walk%2*fresh)
			s := x.first()
			for range 100 {
				for i := range live {
					if n := s.nodes[i].local; live[i] == nil || live[i].is != n { // it has crashed, or was retired
						require.Same(t, n.start, n)
						live[i].end()
						live[i] = &life{p: n.process(), is: n}
					}
				}
				all := x.choices(&s, nil)
				if len(all) == 0 {
					break
				}
				require.NoError(t, x.take(&s, all[r.IntN(len(all))]))
			}
		}
		for _, l := range live {
			l.end()
		}
	}
}

// life is a process that has lived through everything since it started, without a replay.
type life struct {
	p     *process
	is    *local // the state that it is in
	names []name // the names of that state, as this life has them
}

func (l *life) take(t *testing.T, from *local, e event, m *move) {
	require.Same(t, l.is, from)
	as := &local{names: l.names}
	before := append(l.names[:len(l.names):len(l.names)], as.feed(l.p, e)...)
	text, names := l.p.numbered()
	require.Equal(t, m.to.text, text)
	require.Equal(t, m.from, origins(before, names))
	l.is, l.names = m.to, names
}

func (l *life) end() {
	if l != nil {
		l.p.end()
	}
}

// Merging histories into states hides nothing: without merging, the same is seen.
func TestHashingHidesNothing(t *testing.T) {
	for _, bound := range []Bound{
		{Nodes: 2, Acquisitions: 2, Faults: 1, Steps: 3, MaxDepth: depthOfTrees},
		{Nodes: 2, Acquisitions: 1, Faults: 2, Steps: 3, MaxDepth: depthOfTrees},
	} {
		seen := func(exact bool) (all map[string]bool, r Result) {
			x := newExplorer(bound, flaws{}, nil)
			x.exact = exact
			all = map[string]bool{}
			var mu sync.Mutex
			x.visit = func(s *state) {
				o := s.observed()
				mu.Lock()
				defer mu.Unlock()
				all[o] = true
			}
			r = x.run()
			require.NoError(t, r.Broken)
			return all, r
		}
		merged, with := seen(false)
		every, without := seen(true)
		require.Equal(t, len(every), len(merged))
		require.Equal(t, every, merged)
		require.Greater(t, without.Transitions, 2*with.Transitions)
		t.Logf("%d things seen, in %d states or on %d paths", len(every), with.States, without.Transitions)
	}
}

// observed returns all of a state that can be seen from outside the processes.
func (s *state) observed() string {
	text := fmt.Sprint(s.cell, s.age, s.letters, s.posted, s.newest, s.acquired)
	for i := range s.nodes {
		if n := &s.nodes[i]; n.local != nil {
			old, data := n.asked()
			text += fmt.Sprint("; ", n.point, n.holds, n.asleep, n.may, n.stage, n.reply, n.token, n.asks, n.request.swap, old, data)
		}
	}
	return text
}

// The result is the same however many workers there are, and whichever is first.
func TestDeterministic(t *testing.T) {
	run := func() Result {
		r := newExplorer(Bound{Nodes: 2, Acquisitions: 2, Steps: 3}, flaws{noMargin: true}, nil).run()
		r.Took, r.Replays = 0, 0
		return r
	}
	require.Equal(t, run(), run())
}
