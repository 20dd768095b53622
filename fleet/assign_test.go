package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An occasion is one step of assign, in short. In plans, "a=2<1" is part a of session 2.1, which 1.1 still may work on; "a" is
// nobody's; "a!<1" is off the list; "a=2'" has this plan's token; "a@2" pins a to seat 2's node. Members are seats, with a weight (3*0), a capacity (3/2), or
// draining (3-).
type occasion struct {
	name     string
	base     string
	list     string // the parts that are to be; "-": unknown
	version  uint64 // of that list; the plan's is 5
	members  string
	over     string
	stopped  string // who has acknowledged this plan, without any part
	calm     bool
	waits    bool
	moves    string // "a@2": part a is to be at seat 2's node; "a@": it is to be pinned no more
	next     string // "": nothing changes
	unplaced string
}

var steps = []occasion{
	{name: "a start", list: "a b c", members: "1 2", next: "a=1' b=2' c=1'"},
	{name: "a start that waits for more nodes", list: "a b", members: "1 2", waits: true, next: "a' b'"},
	{name: "nobody waits once somebody has something", base: "a=1 b", list: "a b", members: "1 2", waits: true, next: "a=1 b=2'"},
	{name: "a start without nodes", list: "a b", next: "a' b'", unplaced: "a b"},
	{name: "nobody is there yet", base: "a b", list: "a b", unplaced: "a b"},
	{name: "a death", base: "a=1 b=2", list: "a b", members: "2", over: "1", next: "a=2' b=2"},
	{name: "the death of all", base: "a=1 b=2", list: "a b", over: "1 2", next: "a' b'", unplaced: "a b"},
	{name: "a seat looks held, and its session is over", base: "a=1", list: "a", members: "1 2", over: "1", next: "a=2'"},
	{name: "of a node nothing certain is known", base: "a=1 b=1 c=2", list: "a b c", members: "2", calm: true},

	{name: "F3: the giver has stopped", base: "a=2<1", list: "a", members: "1 2", stopped: "1", next: "a=2"},
	{name: "F3: the giver is over", base: "a=2<1", list: "a", members: "2", over: "1", next: "a=2"},
	{name: "F3: the giver has not stopped", base: "a=2<1", list: "a", members: "1 2"},
	{name: "F6: the owner dies before it could begin", base: "a=2<1", list: "a", members: "3", over: "2", next: "a=3<1'"},
	{name: "F6: ... and nobody is there", base: "a=2<1", list: "a", over: "2", next: "a<1'", unplaced: "a"},
	{name: "F6: ... and the giver gets it back", base: "a=2<1", list: "a", members: "1", over: "2", next: "a=1<1'"},
	{name: "F6: the owner drains before it could begin", base: "a=2<1", list: "a", members: "2- 3", next: "a=3<1'"},

	{name: "a part is new", base: "a=1", list: "a b", members: "1 2", next: "a=1 b=2'"},
	{name: "F5: a part leaves the list", base: "a=1 b=1", list: "b", members: "1 2", next: "a!<1' b=1"},
	{name: "F5: ... that nobody has", base: "a b=1", list: "b", members: "1", next: "b=1"},
	{name: "F5: ... whose giver has not stopped", base: "a=2<1 b=1", list: "b", members: "1 2", next: "a!<1' b=1"},
	{name: "F5: ... whose owner is over", base: "a=2 b=1", list: "b", members: "1", over: "2", next: "b=1"},
	{name: "F5: it is forgotten when the giver has stopped", base: "a!<1 b=1", list: "b", members: "1 2", stopped: "1", next: "b=1"},
	{name: "F5: it comes back before that", base: "a!<1 b=1", list: "a b", members: "1 2", next: "a=2<1' b=1"},
	{name: "F5: it comes back, and nobody has room", base: "a!<1 b=1", list: "a b", members: "1/1", next: "a<1 b=1", unplaced: "a"},
	{name: "F10: an older list", base: "a=1 b!<1", list: "b c", version: 4, members: "1"},
	{name: "F10: an older list, and a death", base: "a=1 b!<2", list: "b c", version: 4, members: "2", over: "1", next: "a=2' b!<2"},
	{name: "F10: no list", base: "a=1 b!<1", list: "-", members: "1"},
	{name: "F10: no list, and the giver has stopped", base: "a=1 b!<1", list: "-", members: "1", stopped: "1", next: "a=1"},
	{name: "F10: an empty list", base: "a=1 b!<1", list: "", members: "1"},

	{name: "a join", base: "a=1 b=1", list: "a b", members: "1 2"},
	{name: "a join, and it is calm", base: "a=1 b=1", list: "a b", members: "1 2", calm: true, next: "a=1 b=2<1'"},
	{name: "balance is when loads differ by one", base: "a=1 b=1 c=2", list: "a b c", members: "1 2", calm: true},
	{name: "what waits moves before what is worked on", base: "a=1<3 b=1 c=1", list: "a b c", members: "1 2", calm: true, next: "a=2<3' b=1 c=1"},
	{name: "a drain", base: "a=1 b=2", list: "a b", members: "1- 2", next: "a=2<1' b=2"},
	{name: "the last node drains", base: "a=1", list: "a", members: "1-", next: "a<1'", unplaced: "a"},
	{name: "the last but one dies, and the last drains", base: "a=1<2", list: "a", members: "2-", over: "1", next: "a<2'", unplaced: "a"},
	{name: "weights", list: "a b c d", members: "1 2*3", next: "a=2' b=2' c=1' d=2'"},
	{name: "weights, and it is calm", base: "a=1 b=1 c=1 d=1", list: "a b c d", members: "1 2*3", calm: true, next: "a=1 b=2<1' c=2<1' d=2<1'"},
	{name: "capacity", list: "a b c", members: "1/1 2/1", next: "a=1' b=2' c'", unplaced: "c"},
	{name: "a drain beside one that is full", base: "a=1 b=2", list: "a b", members: "1- 2/1", next: "a<1' b=2", unplaced: "a"},
	{name: "more than the capacity", base: "a=1 b=1", list: "a b", members: "1/1", next: "a=1 b<1'", unplaced: "b"},
	{name: "a spare", list: "a b", members: "1*0 2", next: "a=2' b=2'"},
	{name: "spares alone", list: "a b", members: "1*0 2*0", next: "a=1' b=2'"},
	{name: "a spare beside one that is full", list: "a b", members: "1*0 2/1", next: "a=2' b=1'"},
	{name: "a spare has parts when another comes", base: "a=1 b=1", list: "a b", members: "1*0 2"},
	{name: "a spare has parts when another comes, and it is calm", base: "a=1 b=1", list: "a b", members: "1*0 2/1", calm: true, next: "a=1 b=2<1'"},
	{name: "a pin", base: "a=1 b=2", list: "a b", members: "1 2", moves: "a@2", next: "a=2<1' b=2 a@2"},
	{name: "a pin of a part that is there", base: "a=1 b=2", list: "a b", members: "1 2", moves: "a@1", next: "a=1 b=2 a@1"},
	{name: "a pin that is there", base: "a=1 b=2 a@1", list: "a b", members: "1 2", moves: "a@1"},
	{name: "a pin is replaced", base: "a=1 b=2 a@1", list: "a b", members: "1 2", moves: "a@2", next: "a=2<1' b=2 a@2"},
	{name: "a pin to a node that is not there", base: "a=1 b=2", list: "a b", members: "1 2", moves: "a@3", next: "a=1 b=2 a@3"},
	{name: "a pin to a node that drains", base: "a=1 b=2", list: "a b", members: "1 2-", moves: "a@2", next: "a=1 b=1<2' a@2"},
	{name: "a pin to a node that is full", base: "a=1 b=2", list: "a b", members: "1 2/1", moves: "a@2", next: "a=1 b=2 a@2"},
	{name: "... and it is calm", base: "a=1 b=2 a@2", list: "a b", members: "1 2/1", calm: true, next: "a=2<1' b=1<2' a@2"},
	{name: "a pin to a node that is full of pins", base: "a=1 b=2 a@2 b@2", list: "a b", members: "1 2/1", calm: true},
	{name: "two pins cross, and both nodes are full", base: "a=1 b=2 a@2 b@1", list: "a b", members: "1/1 2/1", calm: true, next: "a=2<1' b=1<2' a@2 b@1"},
	{name: "a pin to a spare", base: "a=1 b=1 a@2", list: "a b", members: "1 2*0", calm: true, next: "a=2<1' b=1 a@2"},
	{name: "what is pinned comes back", base: "a=1 b=1 a@2", list: "a b", members: "1 2"},
	{name: "what is pinned comes back when it is calm", base: "a=1 b=1 c=1 a@2", list: "a b c", members: "1 2", calm: true, next: "a=2<1' b=1 c=1 a@2"},
	{name: "what is pinned goes elsewhere from a node that drains", base: "a=1 b=2 a@1", list: "a b", members: "1- 2", next: "a=2<1' b=2 a@1"},
	{name: "what is pinned is not moved for balance", base: "a=1 b=1 c=1 a@1 b@1 c@1", list: "a b c", members: "1 2", calm: true},
	{name: "... and counts", base: "a=1 b=1 c=1 d=2 a@1 b@1", list: "a b c d", members: "1 2", calm: true, next: "a=1 b=1 c=2<1' d=2 a@1 b@1"},
	{name: "what is pinned is handed out to its node", list: "a b c", moves: "a@2 b@2", members: "1 2", next: "a=2' b=2' c=1' a@2 b@2"},
	{name: "what is pinned keeps its place above others", base: "a=1 b=1 b@1", list: "a b", members: "1/1", next: "a<1' b=1 b@1", unplaced: "a"},
	{name: "of two nodes with one name the one that has it keeps it", base: "a=1 a@1", list: "a", members: "1 2", calm: true},
	{name: "a part off the list loses its pin", base: "a=1 b=1 a@1", list: "b", members: "1", next: "a!<1' b=1"},
	{name: "an unknown part is not pinned", base: "a=1", list: "a", members: "1", moves: "x@1"},
	{name: "of an owner nothing certain is known", base: "a=1 b=2", list: "a b", members: "2", moves: "a@2", next: "a=1 b=2 a@2"},
	{name: "unpinned", base: "a=1 b=2 a@1", list: "a b", members: "1 2", moves: "a@", next: "a=1 b=2"},
	{name: "spares are level, too", base: "a=1 b=1 c=3", list: "a b c", members: "1*0 2*0 3/1", calm: true, next: "a=1 b=2<1' c=3"},
}

func TestAssign(t *testing.T) {
	t.Parallel()
	for _, o := range steps {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			base := &plan{Epoch: 9, Width: minWidth, Version: 5}
			base.Parts, base.Pins = entriesOf(o.base)
			next, unplaced := assign(base, o.situation())
			require.Equal(t, o.unplaced, strings.Join(unplaced, " "))
			if o.next == "" {
				require.Nil(t, next)
				return
			}
			require.NotNil(t, next)
			require.NoError(t, next.valid())
			require.Equal(t, o.next, short(next))
		})
	}
}

// A change of the width, of the list's version or of who is seated is a new plan, too.
func TestAssignTakesWhatStandsBesideTheParts(t *testing.T) {
	t.Parallel()
	base := &plan{Epoch: 9, Width: minWidth, Version: 5, Seated: []session{{1, 1}}}
	base.Parts, _ = entriesOf("a=1")
	s := occasion{list: "a", members: "1"}.situation()
	s.Seated = []session{{1, 1}, {1, 1}}
	next, _ := assign(base, s)
	require.Nil(t, next)

	s.Width = 8
	next, _ = assign(base, s)
	require.Equal(t, &plan{Epoch: 10, Width: 8, Version: 5, Parts: base.Parts, Seated: base.Seated}, next)

	s.Seated, s.Version = []session{{3, 1}, {1, 1}}, 7
	next, _ = assign(base, s)
	require.Equal(t, &plan{Epoch: 10, Width: 8, Version: 7, Parts: base.Parts, Seated: []session{{1, 1}, {3, 1}}}, next)
}

func (o occasion) situation() situation {
	over, stopped := strings.Fields(o.over), strings.Fields(o.stopped)
	seat := func(s session) string { return fmt.Sprint(s.Seat) }
	s := situation{
		HasList: o.list != "-", Parts: strings.Fields(o.list), Version: cmp.Or(o.version, 5), Width: minWidth, Balance: o.calm, HandOut: !o.waits,
		Over:    func(s session) bool { return slices.Contains(over, seat(s)) },
		Stopped: func(from session, _ string, _ uint64) bool { return slices.Contains(stopped, seat(from)) },
	}
	for _, text := range strings.Fields(o.moves) {
		part, node, _ := strings.Cut(text, "@")
		s.Moves = append(s.Moves, pin{part, node})
	}
	for _, text := range strings.Fields(o.members) {
		m := member{Weight: 1, Draining: strings.HasSuffix(text, "-")}
		m.Token = 1
		if n, _ := fmt.Sscanf(text, "%d*%d", &m.Seat, &m.Weight); n < 2 {
			_, _ = fmt.Sscanf(text, "%d/%d", &m.Seat, &m.Capacity)
		}
		m.Node = fmt.Sprint(m.Seat)
		s.Members = append(s.Members, m)
	}
	return s
}

// entriesOf reads a plan in short. All tokens are 3.
func entriesOf(text string) (entries []entry, pins []pin) {
	for _, word := range strings.Fields(text) {
		if part, node, pinned := strings.Cut(word, "@"); pinned {
			pins = append(pins, pin{part, node})
			continue
		}
		rest, from, _ := strings.Cut(word, "<")
		name, owner, _ := strings.Cut(rest, "=")
		e := entry{Part: strings.TrimSuffix(name, "!"), Token: 3, Off: strings.HasSuffix(name, "!")}
		for _, s := range []struct {
			seat string
			of   *session
		}{{owner, &e.Owner}, {from, &e.From}} {
			if k, err := strconv.Atoi(s.seat); err == nil {
				*s.of = session{k, 1}
			}
		}
		entries = append(entries, e)
	}
	return entries, pins
}

// short writes what entriesOf reads.
func short(p *plan) string {
	var all []string
	for _, e := range p.Parts {
		text := e.Part
		if e.Off {
			text += "!"
		}
		if !e.Owner.nobody() {
			text += fmt.Sprintf("=%d", e.Owner.Seat)
		}
		if !e.From.nobody() {
			text += fmt.Sprintf("<%d", e.From.Seat)
		}
		if e.Token == p.Epoch {
			text += "'"
		}
		all = append(all, text)
	}
	for _, p := range p.Pins {
		all = append(all, p.Part+"@"+p.Node)
	}
	return strings.Join(all, " ")
}
