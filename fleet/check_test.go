package fleet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// checkStep checks one step of assign, against the rules as FLEET's contract has them: it shares no code with assign.
func checkStep(t *testing.T, rng *rand.Rand, base, next *plan, unplaced []string, s situation) {
	checkSafety(t, base, next, s)
	checkDivision(t, base, next, unplaced, s)
	checkPure(t, rng, base, next, unplaced, s)
}

// listOf returns the parts that the next plan is to have, those that only wait for their giver left out.
func listOf(base *plan, s situation) map[string]bool {
	list := map[string]bool{}
	if s.HasList && len(s.Parts) > 0 && s.Version >= base.Version {
		for _, part := range s.Parts {
			list[part] = true
		}
		return list
	}
	for _, e := range base.Parts {
		if !e.Off {
			list[e.Part] = true
		}
	}
	return list
}

// stopped is F3: the giver does not work on it any more.
func stopped(e entry, s situation) bool {
	return s.Over(e.From) || s.Stopped(e.From, e.Part, e.Token)
}

// checkSafety checks F3, F5, F6 and F10, which every planner keeps.
func checkSafety(t *testing.T, base, next *plan, s situation) {
	if next == nil {
		return
	}
	list := listOf(base, s)
	require.NoError(t, next.valid())
	require.Equal(t, base.Epoch+1, next.Epoch, "F4")
	require.Equal(t, s.Width, next.Width)
	require.True(t, slices.Equal(pinsOf(base, s), next.Pins), "pinned is %v", next.Pins)
	if version := base.Version; s.HasList && len(s.Parts) > 0 {
		require.Equal(t, max(version, s.Version), next.Version, "F10")
	} else {
		require.Equal(t, version, next.Version, "F10")
	}
	for _, e := range next.Parts {
		was, known := base.find(e.Part)
		require.Equal(t, !list[e.Part], e.Off, "F10: part %s", e.Part)
		if !known || was.Owner != e.Owner {
			require.Equal(t, next.Epoch, e.Token, "F5: part %s: %+v", e.Part, e)
		} else {
			require.Equal(t, was.Token, e.Token, "F5: part %s did not change hands", e.Part)
		}
		require.Equal(t, giver(was, e, s), e.From, "F3, F6: part %s was %+v, is %+v", e.Part, was, e)
		delete(list, e.Part)
	}
	require.Empty(t, list, "parts of the list that are not in the plan")
	for _, was := range base.Parts {
		if _, is := next.find(was.Part); !is {
			require.True(t, was.Owner.nobody() || s.Over(was.Owner), "F5: part %s is forgotten, and %v may work on it", was.Part, was.Owner)
			require.True(t, was.From.nobody() || stopped(was, s), "F5: part %s is forgotten, and %v may work on it", was.Part, was.From)
		}
	}
}

// giver returns who has to stop before the entry's part is begun.
func giver(was, is entry, s situation) session {
	switch {
	case !was.From.nobody() && !stopped(was, s):
		return was.From // F6
	case was.Owner != is.Owner && !was.Owner.nobody() && !s.Over(was.Owner):
		return was.Owner // F3
	}
	return session{}
}

// share is one receiver's, as checkDivision counts it.
type share struct {
	member
	kept int // what it had, and may keep: not above its capacity
	shed int // what it had above its capacity
	home int // parts of has that are pinned to its node
	has  int
	left int // of kept, what it has lost
}

func (m member) room(load int) bool { return m.Capacity <= 0 || load < m.Capacity }

// above reports whether the n-th part of a is worth more than the m-th of b: a should give it to b.
func above(a member, n int, b member, m int) bool {
	switch {
	case a.Weight == 0 && b.Weight == 0:
		return n > m
	case b.Weight == 0:
		return false
	case a.Weight == 0:
		return n > 0
	}
	return n*b.Weight > m*a.Weight
}

// checkDivision checks Balance, as the design has it.
func checkDivision(t *testing.T, base, next *plan, unplaced []string, s situation) {
	if next == nil {
		next = base
	}
	shares, draining := map[session]*share{}, map[session]bool{}
	for _, m := range s.Members {
		if draining[m.session] = m.Draining; !m.Draining && !s.Over(m.session) {
			shares[m.session] = &share{member: m}
		}
	}
	orphans, waits := 0, !s.HandOut
	list := listOf(base, s)
	for part := range list {
		was, _ := base.find(part)
		r := shares[was.Owner]
		waits = waits && (was.Owner.nobody() || s.Over(was.Owner))
		switch {
		case was.Owner.nobody(), s.Over(was.Owner), draining[was.Owner]:
			orphans++
		case r != nil && r.room(r.kept):
			r.kept++
		case r != nil:
			r.shed++
		}
	}
	if waits {
		require.Empty(t, unplaced)
		require.False(t, slices.ContainsFunc(next.Parts, func(e entry) bool { return !e.Owner.nobody() }), "nobody has anything, and it is no time to hand out")
		return
	}
	var homeless []string
	for _, e := range next.Parts {
		was, _ := base.find(e.Part)
		if r := shares[was.Owner]; r != nil && list[e.Part] && was.Owner != e.Owner {
			r.left++
		}
		switch r := shares[e.Owner]; {
		case r != nil:
			r.has++
		case e.Owner.nobody() && !e.Off:
			homeless = append(homeless, e.Part)
		case !e.Owner.nobody():
			require.Equal(t, was.Owner, e.Owner, "part %s goes to somebody who is no member, or over", e.Part)
			require.False(t, draining[e.Owner] || s.Over(e.Owner), "part %s stays with %v", e.Part, e.Owner)
		}
	}
	require.Equal(t, homeless, unplaced)
	came, moved := checkPins(t, base, next, shares, s)
	if moved > 0 && s.Balance {
		return // others may have made room
	}
	checkInterrupts(t, base, next, shares, s)
	checkLoads(t, shares, s.Balance, orphans-came, len(homeless), moved)
}

// checkInterrupts checks that, for balance, no part moves that its owner may work on, while it has one that it cannot have begun.
func checkInterrupts(t *testing.T, base, next *plan, shares map[session]*share, s situation) {
	interrupted, spared := map[session]string{}, map[session]string{}
	for _, was := range base.Parts {
		r := shares[was.Owner]
		is, found := next.find(was.Part)
		if !found || is.Off || r == nil || r.shed > 0 || isHome(next, is, shares) || isHome(next, was, shares) {
			continue
		}
		waits := !was.From.nobody() && was.From != was.Owner && !stopped(was, s)
		switch moved := was.Owner != is.Owner; {
		case moved && !waits:
			interrupted[was.Owner] = was.Part
		case !moved && waits:
			spared[was.Owner] = was.Part
		}
	}
	for owner, part := range interrupted {
		require.Empty(t, spared[owner], "part %s is taken from %v, which works on it", part, owner)
	}
}

// checkLoads checks who has how much, and that no more has moved than that needs.
func checkLoads(t *testing.T, shares map[session]*share, calm bool, orphans, homeless, pinned int) {
	moved := 0
	for _, a := range shares {
		require.True(t, a.Capacity <= 0 || a.has <= a.Capacity, "%v has %d parts, above its capacity: %+v", a.session, a.has, a)
		require.True(t, homeless == 0 || !a.room(a.has), "%d parts are nobody's, and %v has room", homeless, a.session)
		require.GreaterOrEqual(t, a.left, a.shed)
		moved += a.left - a.shed
		orphans += a.shed
		for _, b := range shares {
			if a.has == a.home || pinned > 0 {
				continue
			}
			if (calm || a.has > a.kept) && b.room(b.has) {
				require.False(t, above(a.member, a.has, b.member, b.has+1), "%+v has too much, beside %+v", *a, *b)
			}
			if calm && a.Weight == b.Weight && a.Capacity == 0 && b.Capacity == 0 {
				require.LessOrEqual(t, a.has-b.has, 1)
			}
		}
	}
	if !calm {
		require.LessOrEqual(t, moved, pinned, "parts move for balance, and it is not calm")
		return
	}
	require.Equal(t, fewest(shares, orphans-homeless), moved, "moves for balance alone: %v, %d orphans, %d homeless", dump(shares), orphans, homeless)
	if len(shares) <= 3 {
		require.Equal(t, bruteFewest(shares, orphans-homeless), moved, "moves for balance alone: %+v", shares)
	}
}

// fewest returns how many parts have to leave a receiver that could keep them, at least: in a balanced plan the parts are the slots
// of least weight. Each slot above that level has to be given away, and each below it has to be filled, first by the orphans.
func fewest(shares map[session]*share, orphans int) int {
	type slot struct {
		of   member
		n    int
		kept bool
	}
	var slots []slot
	parts := orphans
	for _, a := range shares {
		parts += a.kept
	}
	movable := parts
	for _, a := range shares {
		movable -= a.home
	}
	for _, a := range shares {
		for n := a.home + 1; n <= parts && a.room(n-1); n++ {
			slots = append(slots, slot{a.member, n, n <= a.kept})
		}
	}
	slices.SortFunc(slots, func(a, b slot) int {
		switch {
		case above(a.of, a.n, b.of, b.n):
			return 1
		case above(b.of, b.n, a.of, a.n):
			return -1
		}
		return 0
	})
	if movable == 0 {
		return 0
	}
	level := slots[movable-1]
	tooMany, lacking := 0, -orphans
	for _, s := range slots {
		if s.kept && above(s.of, s.n, level.of, level.n) {
			tooMany++
		}
		if !s.kept && above(level.of, level.n, s.of, s.n) {
			lacking++
		}
	}
	return max(tooMany, lacking, 0)
}

// bruteFewest tries all loads.
func bruteFewest(shares map[session]*share, orphans int) int {
	var all []*share
	parts := orphans
	for _, a := range shares {
		all = append(all, a)
		parts += a.kept
	}
	loads, best := make([]int, len(all)), parts+1
	var try func(i, left int)
	try = func(i, left int) {
		if i == len(all) {
			if left > 0 {
				return
			}
			moves := 0
			for i, a := range all {
				moves += max(a.kept-loads[i], 0)
				for j, b := range all {
					if loads[i] > a.home && b.room(loads[j]) && above(a.member, loads[i], b.member, loads[j]+1) {
						return
					}
				}
			}
			best = min(best, moves)
			return
		}
		for loads[i] = all[i].home; loads[i] <= left && (loads[i] == all[i].home || all[i].room(loads[i]-1)); loads[i]++ {
			try(i+1, left-loads[i])
		}
	}
	try(0, parts)
	return best
}

// checkPure checks that the result depends on nothing else, and that a plan is the last one until something happens.
func checkPure(t *testing.T, rng *rand.Rand, base, next *plan, unplaced []string, s situation) {
	was := base.clone()
	s.Members, s.Seated = slices.Clone(s.Members), slices.Clone(s.Seated)
	rng.Shuffle(len(s.Members), func(i, j int) { s.Members[i], s.Members[j] = s.Members[j], s.Members[i] })
	rng.Shuffle(len(s.Seated), func(i, j int) { s.Seated[i], s.Seated[j] = s.Seated[j], s.Seated[i] })
	again, lacking := assign(base, s)
	require.Equal(t, next, again, "it depends on the order of the members")
	require.Equal(t, unplaced, lacking)
	require.Equal(t, was, base, "it changes the plan that it begins with")
	if next != nil {
		more, lacking := assign(next, s)
		require.Nil(t, more, "it changes its own result: %+v", next)
		if s.HandOut { // else nobody may have anything any more, and all parts wait
			require.Equal(t, unplaced, lacking)
		}
	}
}

func dump(shares map[session]*share) string {
	text := ""
	for s, a := range shares {
		text += fmt.Sprintf("%v weight %d capacity %d kept %d shed %d home %d has %d left %d; ", s, a.Weight, a.Capacity, a.kept, a.shed, a.home, a.has, a.left)
	}
	return text
}
