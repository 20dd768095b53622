//go:build unix

package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/stress/chaos/register"
)

// A division is a crew whose workers are the nodes of one fleet, and divide its parts. Each part has a register and a journal.
type division struct {
	*crew
	owners   map[string]*held // of the parts
	presides *process         // the latest coordinator
}

// held is whose a part was last.
type held struct {
	node    *node
	process *process
	token   uint64
	at      time.Duration // when that term began
	works   bool
	terms   int
}

func newDivision(t *testing.T, p *place, binary string, random *rand.Rand, tally *tally) *division {
	d := &division{crew: newCrew(t, p, binary, random, tally), owners: map[string]*held{}}
	d.crew.see = d.see
	interval := p.interval()
	if p.length > 10*time.Second {
		interval = time.Second // a death takes a lease length and two intervals
	}
	d.flags = []string{"-parts", strconv.Itoa(p.parts), "-interval", interval.String()}
	for i := range p.parts {
		part := strconv.Itoa(i)
		d.owners[part] = &held{}
		require.NoError(t, register.Create(d.file("register."+part)))
	}
	d.enlist()
	return d
}

func (d *division) see(ev event) {
	h := d.owners[ev.Part]
	switch ev.Did {
	case Presides:
		d.presides = ev.process
	case Leads:
		again := h.process == ev.process && h.token == ev.Token // after an error, in the same term
		switch {
		case ev.Token == h.token && !again:
			d.Fatalf("FS2: %s and then %s had part %s with token %d", h.process.id, ev.process.id, ev.Part, ev.Token)
		case ev.Token < h.token:
			return // it is told late, by a process that was suspended right after it began
		}
		if !again {
			h.terms++
		}
		h.node, h.process, h.token, h.at, h.works = ev.node, ev.process, ev.Token, ev.At, true
	case Returns:
		if h.token == ev.Token {
			h.works = false
		}
	case Exits:
		for _, h := range d.owners {
			h.works = h.works && h.process != ev.process
		}
	}
}

// of returns how many parts the node works on.
func (d *division) of(n *node) (parts int) {
	for _, h := range d.owners {
		if h.works && h.process == n.process {
			parts++
		}
	}
	return parts
}

// settle waits until all is well: every part is worked on, the loads are in balance, and each node has heard from the store since its
// last fault.
func (d *division) settle() {
	d.rest(0)
	balanced := func(event) bool {
		least, most, all := d.place.parts, 0, 0
		for _, n := range d.nodes {
			if n.answered <= n.healed {
				return false
			}
			least, most, all = min(least, d.of(n)), max(most, d.of(n)), all+d.of(n)
		}
		return all == d.place.parts && most-least <= 1
	}
	if !d.await(4*d.length+patience, balanced) {
		d.Fatalf("the fleet is not in balance after what was done to it: %s", d.loads())
	}
}

func (d *division) loads() string {
	text := ""
	for _, n := range d.nodes {
		text += fmt.Sprintf("%s: %d parts, heard %v after its last fault; ", n.id, d.of(n), n.answered-n.healed)
	}
	return text
}

// round waits until all is well, and then for a moment between two renewals. Then it strikes a node, and expects that others take over
// its parts, unless the blow may leave it its seat.
func (d *division) round(b blow) {
	if b.own {
		d.gate.Lock()
		defer d.gate.Unlock()
	} else {
		d.gate.RLock()
		defer d.gate.RUnlock()
	}
	d.settle()
	d.rest(time.Duration(d.random.Int64N(int64(d.interval()))))
	victim := d.victim(b)
	had := map[string]held{}
	for part, h := range d.owners {
		if h.works && h.process == victim.process {
			had[part] = *h
		}
	}
	d.Logf("%s, the coordinator: %t, %d parts: %s", victim.id, victim.process == d.presides, len(had), b.name)
	struck := Now()
	over := b.strike(d, victim)
	if b.moves {
		d.takenOver(had)
		d.tally.tookOver(Now()-struck, b.name == "killed")
	}
	d.tally.count(b.name)
	over()
}

// victim chooses whom to strike: the coordinator as often as not. Who is suspended is careless, so that it writes when it wakes.
func (d *division) victim(b blow) *node {
	careless, coordinator := 1, d.random.IntN(2) == 0
	i := slices.IndexFunc(d.nodes, func(n *node) bool { return n.process == d.presides })
	switch {
	case b.name == "suspended":
		i = careless
	case i < 0 || !coordinator:
		i = d.random.IntN(len(d.nodes))
	}
	return d.nodes[i]
}

// takenOver waits until each of these parts has a newer term, which began after the one that it had then.
func (d *division) takenOver(had map[string]held) {
	d.must("others take over", 3*d.length+patience, func(event) bool {
		for part, was := range had {
			if d.owners[part].token <= was.token {
				return false
			}
		}
		return true
	})
}

// judge ends all workers, and reads the evidence of each part.
func (d *division) judge() {
	d.settle()
	d.dismiss()
	for part, h := range d.owners {
		d.crew.judge("register."+part, "journal."+part, h.terms)
	}
}

// A blow happens to a node of a fleet.
type blow struct {
	name    string
	network bool // needs a proxy
	own     bool // needs emulators that belong to the test
	moves   bool // the node loses its seat, and so its parts
	strike  func(d *division, n *node) (over func())
}

func nothing() {}

// The first two happen in every place. Package chaos's faults say why no emulator is restarted.
var blows = []blow{
	{"killed", false, false, true, func(d *division, n *node) func() { d.kill(n); return nothing }},
	{"suspended", false, false, true, (*division).suspended},
	{"dozes", false, false, false, func(d *division, n *node) func() {
		resume := d.suspend(n)
		d.rest(d.length/2 + time.Duration(d.random.Int64N(int64(d.length/2))))
		return resume
	}},
	{"asked to end", false, false, true, (*division).askedToEnd},
	{"clock shifted", false, false, false, func(d *division, n *node) func() {
		d.shift(n, d.hours())
		d.rest(d.interval())
		return func() { d.shift(n, d.hours()) }
	}},
	{"refused", false, false, true, func(d *division, n *node) func() { return d.broken(refuse, n) }},
	{"late", true, false, true, func(d *division, n *node) func() { return d.holding(n) }},
	{"store stopped", false, false, false, func(d *division, _ *node) func() {
		over := d.broken(refuse, d.nodes...)
		d.rest(d.long())
		return over
	}},
	{"store SIGSTOP", true, true, false, func(d *division, _ *node) func() {
		resume := suspendEmulator(d.T, d.process)
		d.rest(d.long())
		return func() {
			resume()
			for _, n := range d.nodes {
				n.healed = Now()
			}
		}
	}},
}

// suspended suspends a node for longer than its lease.
func (d *division) suspended(n *node) (over func()) {
	resume := d.suspend(n)
	for d.process == "" && holdsLock(d.T, n.cmd.Process.Pid) { // no other node can write before it resumes, as package file says
		d.tally.count("suspended while it writes")
		resume()
		d.rest(d.interval() / 8)
		resume = d.suspend(n)
	}
	return resume
}

// askedToEnd lets a node drain: it ends in order when its parts are others'.
func (d *division) askedToEnd(n *node) (over func()) {
	p := n.process
	p.asked = true
	require.NoError(d, p.cmd.Process.Signal(syscall.SIGTERM))
	d.awaitExit(p)
	d.start(n)
	return nothing
}

// blows returns the first blows that a fleet of the place suffers, and those that come again and again after them.
func (p *place) blows(fleet int) func() blow {
	random := p.random(100 + fleet)
	possible := slices.DeleteFunc(slices.Clone(blows), func(b blow) bool { return b.network && p.process == "" || b.own && !*own })
	first, rest := possible[:2:2], possible[2:]
	random.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	deck := append(first, rest...)
	n := fleet
	return func() blow {
		if n == len(deck) {
			n = 0
			random.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		n++
		return deck[n-1]
	}
}
