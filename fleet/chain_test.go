package fleet

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A chain is a fleet without leases: one coordinator after another makes plans, and nodes take them when they like, stop works when
// they like, and say so when they like. It checks FS1 and FS2 whenever a work begins. What is chosen comes from choose.
type chain struct {
	t       *testing.T
	choose  func(n int) int // 0 to n-1
	planner func(base *plan, s situation) (*plan, []string)
	check   func(base, next *plan, unplaced []string, s situation) // of each step of the planner

	base  *plan
	sent  []*plan
	nodes []*chainNode
	tries map[int]uint64 // the tokens of the seats

	// What the coordinator knows.
	over map[session]bool
	acks map[session]chainAck

	wanted []pin // what operators want
	names  []string
	list   []string
	listed uint64 // the list's version
	tokens map[string]uint64
	begun  int
	moves  int
}

type chainAck struct {
	epoch    uint64
	stopping map[string]bool
}

type chainNode struct {
	member
	dead  bool
	plan  *plan
	works map[string]chainWork
}

type chainWork struct {
	token    uint64
	stopping bool
}

const chainSeats = 6

func newChain(t *testing.T, choose func(n int) int) *chain {
	c := &chain{
		t: t, choose: choose, planner: assign, check: func(_, _ *plan, _ []string, _ situation) {}, base: &plan{},
		tries: map[int]uint64{}, over: map[session]bool{}, acks: map[session]chainAck{}, tokens: map[string]uint64{}, listed: 1,
	}
	for n := range 1 + choose(8) {
		c.names = append(c.names, fmt.Sprint(n))
	}
	c.list = slices.Clone(c.names)
	return c
}

func (c *chain) maybe(oneIn int) bool { return c.choose(oneIn) == 0 }

// step has one thing happen.
func (c *chain) step() {
	switch c.choose(12) {
	case 0:
		c.join()
	case 1, 2, 3:
		c.coordinate(c.situation(c.maybe(2)))
	case 4:
		c.trouble()
	default:
		if len(c.nodes) > 0 {
			c.act(c.nodes[c.choose(len(c.nodes))])
		}
	}
}

func (c *chain) join() {
	seat := 1 + c.choose(chainSeats)
	if slices.ContainsFunc(c.nodes, func(n *chainNode) bool { return n.Seat == seat }) {
		return
	}
	c.tries[seat]++
	m := member{session: session{seat, c.tries[seat]}, Node: fmt.Sprint("n", c.choose(4)), Weight: c.choose(4), Capacity: max(c.choose(8)-3, 0)}
	c.nodes = append(c.nodes, &chainNode{member: m, works: map[string]chainWork{}})
}

func (c *chain) trouble() {
	switch c.choose(5) {
	case 4:
		p := pin{Part: c.names[c.choose(len(c.names))]}
		if !c.maybe(3) {
			p.Node = fmt.Sprint("n", c.choose(5))
		}
		c.wanted = append(c.wanted, p)
	case 0:
		c.list = slices.DeleteFunc(slices.Clone(c.names), func(string) bool { return c.maybe(3) })
		c.listed += uint64(c.choose(2))
	case 1:
		c.names = append(c.names, fmt.Sprint(len(c.names)))
		slices.Sort(c.names)
	default:
		if len(c.nodes) == 0 {
			return
		}
		n := c.nodes[c.choose(len(c.nodes))]
		switch {
		case n.dead: // only when the store says so
			c.over[n.session] = true
			c.nodes = slices.DeleteFunc(c.nodes, func(m *chainNode) bool { return m == n })
		case c.maybe(2):
			n.Draining = true
		default:
			n.dead, n.works = true, nil
		}
	}
}

func (c *chain) act(n *chainNode) {
	if n.dead {
		return
	}
	switch c.choose(3) {
	case 0:
		if len(c.sent) > 0 {
			c.take(n, c.sent[len(c.sent)-1-c.choose(min(3, len(c.sent)))])
		}
	case 1:
		c.stop(n)
	default:
		c.acknowledge(n)
	}
}

// take is F3's critical section, and F2: never backwards.
func (c *chain) take(n *chainNode, p *plan) {
	if n.plan != nil && p.Epoch <= n.plan.Epoch {
		return
	}
	n.plan = p
	for part, w := range n.works {
		if e, found := p.find(part); !found || e.Owner != n.session || e.Token != w.token {
			w.stopping = true
			n.works[part] = w
		}
	}
	c.begin(n)
}

func (c *chain) begin(n *chainNode) {
	if n.plan == nil {
		return
	}
	for _, e := range n.plan.Parts {
		if _, runs := n.works[e.Part]; e.Owner != n.session || runs || !e.From.nobody() && e.From != n.session {
			continue
		}
		for _, m := range c.nodes {
			_, runs := m.works[e.Part]
			require.False(c.t, runs, "FS1: %v begins part %s, and %v works on it; epoch %d", n.session, e.Part, m.session, n.plan.Epoch)
		}
		require.Greater(c.t, e.Token, c.tokens[e.Part], "FS2: of part %s, which %v begins", e.Part, n.session)
		c.tokens[e.Part] = e.Token
		n.works[e.Part] = chainWork{token: e.Token}
		c.begun++
	}
}

// stop has the works of a node return that are to.
func (c *chain) stop(n *chainNode) {
	for _, part := range slices.Sorted(maps.Keys(n.works)) {
		if n.works[part].stopping && c.maybe(2) {
			delete(n.works, part)
		}
	}
	c.begin(n)
}

// acknowledge has the coordinator see what the node's seat would say now.
func (c *chain) acknowledge(n *chainNode) {
	if n.plan == nil {
		return
	}
	a := chainAck{n.plan.Epoch, map[string]bool{}}
	for part, w := range n.works {
		if w.stopping {
			a.stopping[part] = true
		}
	}
	c.acks[n.session] = a
}

// situation returns a part of the truth to the coordinator, some of it too late.
func (c *chain) situation(clear bool) situation {
	s := situation{
		HasList: clear || !c.maybe(8), Parts: c.list, Version: c.listed, Width: max(minWidth, chainSeats),
		Over: func(s session) bool { return c.over[s] },
		Stopped: func(from session, part string, token uint64) bool {
			a, known := c.acks[from]
			return known && a.epoch >= token && !a.stopping[part]
		},
		Moves: c.wanted, Balance: clear || c.maybe(2), HandOut: clear || c.maybe(2),
	}
	if !clear && c.maybe(4) {
		s.Version = c.listed - 1
		s.Parts = c.names[:1+c.choose(len(c.names))]
	}
	for _, n := range c.nodes {
		if clear && !n.dead || !clear && !c.maybe(5) {
			s.Members = append(s.Members, n.member)
			s.Seated = append(s.Seated, n.session)
		}
	}
	for seat, token := range c.tries { // an old look at a seat whose session is over
		if s2 := (session{seat, token}); !clear && c.over[s2] && c.maybe(4) {
			s.Members = append(s.Members, member{session: s2, Weight: 1})
		}
	}
	return s
}

func (c *chain) coordinate(s situation) (changed bool) {
	next, unplaced := c.planner(c.base, s)
	c.check(c.base, next, unplaced, s)
	c.wanted = nil
	if next == nil {
		return false
	}
	require.NoError(c.t, next.valid())
	require.Equal(c.t, c.base.Epoch+1, next.Epoch)
	for _, e := range next.Parts {
		if was, _ := c.base.find(e.Part); !e.Owner.nobody() && was.Owner != e.Owner {
			c.moves++
		}
	}
	c.base = next
	c.sent = append(c.sent, next)
	return true
}

// settle has every node do its part, until the planner changes nothing. It returns the last situation.
func (c *chain) settle() situation {
	for _, n := range c.nodes {
		if n.dead {
			c.over[n.session] = true
		}
	}
	c.nodes = slices.DeleteFunc(c.nodes, func(n *chainNode) bool { return n.dead })
	for range 6 {
		s := c.situation(true)
		changed := c.coordinate(s)
		for _, n := range c.nodes {
			if len(c.sent) > 0 {
				c.take(n, c.base)
			}
			maps.DeleteFunc(n.works, func(_ string, w chainWork) bool { return w.stopping })
			c.begin(n)
			c.acknowledge(n)
		}
		if s.Moves = nil; !changed && !c.coordinate(s) {
			return s
		}
	}
	require.Fail(c.t, "the plan changes for ever", "%+v", c.base)
	return situation{}
}
