//go:build unix

package chaos

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/stress/chaos/register"
)

// An election is a crew whose workers compete for one lease.
type election struct {
	*crew
	ailing []*node // the nodes that this round disturbs
	leader began   // the newest term
	terms  []began // in the order in which they were reported
}

// began is the beginning of a term.
type began struct {
	node  *node
	token uint64
	at    time.Duration
}

func newElection(t *testing.T, p *place, binary string, random *rand.Rand, tally *tally) *election {
	e := &election{crew: newCrew(t, p, binary, random, tally)}
	e.crew.see = e.see
	require.NoError(t, register.Create(e.file("register")))
	e.enlist()
	return e
}

func (e *election) see(ev event) {
	p := ev.process
	switch ev.Did {
	case Leads:
		p.leads, p.answered = ev.Token, ev.At
		if i := slices.IndexFunc(e.terms, func(b began) bool { return b.token == ev.Token }); i >= 0 {
			e.Fatalf("S2: %s and then %s led with token %d", e.terms[i].node.name, p.id, ev.Token)
		}
		b := began{ev.node, ev.Token, ev.At}
		e.terms = append(e.terms, b)
		if ev.Token > e.leader.token {
			e.leader = b
		}
	case Stops, Returns:
		if p.leads == ev.Token { // an observer may report this after the next term has begun
			p.leads = 0
		}
	case Exits:
		p.leads = 0
	}
}

// settle waits until all is well: one node leads, and each has heard from the store since its last fault.
func (e *election) settle() {
	e.rest(0)
	e.must("everybody is well after what was done to them", 2*e.length+patience, func(event) bool {
		for _, n := range e.nodes {
			if n.answered <= n.healed {
				return false
			}
		}
		return e.leader.node != nil && e.leader.node.leads == e.leader.token
	})
}

// judge ends all workers, and reads the evidence.
func (e *election) judge() {
	e.settle() // a worker that has only just started would miss the signal
	e.dismiss()
	e.crew.judge("register", "journal", len(e.terms))
}
