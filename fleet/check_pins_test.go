package fleet

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pinsOf returns which pins the next plan is to have.
func pinsOf(base *plan, s situation) (pins []pin) {
	list, nodes := listOf(base, s), map[string]string{}
	for _, p := range base.Pins {
		nodes[p.Part] = p.Node
	}
	for _, m := range s.Moves {
		nodes[m.Part] = m.Node
	}
	for part, node := range nodes {
		if list[part] && node != "" {
			pins = append(pins, pin{part, node})
		}
	}
	slices.SortFunc(pins, func(a, b pin) int { return strings.Compare(a.Part, b.Part) })
	return pins
}

// isHome reports whether the entry's owner is the node that the plan pins the part to.
func isHome(p *plan, e entry, shares map[session]*share) bool {
	r := shares[e.Owner]
	return r != nil && p.pinned(e.Part) == r.Node
}

// checkPins checks what is pinned. It returns how many such parts that needed a node came to theirs, and how many others moved to theirs. It counts the
// former as kept there.
func checkPins(t *testing.T, base, next *plan, shares map[session]*share, s situation) (came, moved int) {
	stayed := map[session]int{} // pinned parts that were at home, by the owner
	for _, p := range next.Pins {
		was, _ := base.find(p.Part)
		is, _ := next.find(p.Part)
		if isHome(next, is, shares) {
			home := shares[is.Owner]
			home.home++
			switch r := shares[was.Owner]; {
			case r == nil && home.room(home.kept):
				came++
				home.kept++
			case r == nil, !isHome(next, was, shares):
				moved++
			}
		}
		if isHome(next, was, shares) {
			stayed[was.Owner]++
		}
	}
	for _, p := range next.Pins {
		was, _ := base.find(p.Part)
		is, _ := next.find(p.Part)
		owner := shares[was.Owner]
		if isHome(next, was, shares) && (owner.Capacity == 0 || stayed[was.Owner] <= owner.Capacity) {
			require.Equal(t, was.Owner, is.Owner, "part %s is at home, and moves", p.Part)
		}
		known := owner != nil || was.Owner.nobody() || s.Over(was.Owner) || slices.ContainsFunc(s.Members, func(m member) bool { return m.session == was.Owner })
		if isHome(next, is, shares) || !known {
			continue
		}
		asked := slices.Contains(s.Moves, p)
		for _, home := range shares {
			switch {
			case home.Node != p.Node:
			case s.Balance && !is.Owner.nobody():
				require.False(t, home.room(home.has) || home.has > home.home, "part %s is pinned to %s, which has room: %s", p.Part, p.Node, dump(shares))
			case asked, owner == nil && moved == 0:
				require.False(t, home.room(home.has), "part %s is pinned to %s, which has room: %s", p.Part, p.Node, dump(shares))
			}
		}
	}
	return came, moved
}
