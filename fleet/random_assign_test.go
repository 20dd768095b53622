package fleet

import (
	"math/rand/v2"
	"slices"
)

// randomAssign stands in for assign: it keeps the rules of safety (F3, F5, F6, F10), and gives the parts to anybody. No promise but
// balance may depend on where a part goes. It moves parts that have a good owner only when it is calm.
//
// In HandOut and for sessions that are no members, it is as assign: unplaced are the parts that it has left nobody's.
func randomAssign(rng *rand.Rand, base *plan, s situation) (next *plan, unplaced []string) {
	d := begin(base, &s)
	if s.HandOut || d.somebodyHasSomething() {
		unplaced = scatter(rng, d, &s)
	}
	if d.sameAs(base) {
		return nil, unplaced
	}
	return d.plan, unplaced
}

func scatter(rng *rand.Rand, d draft, s *situation) (unplaced []string) {
	v := divide(d, s)
	for i, e := range d.Parts {
		to := e.Owner
		r, member := v.members[e.Owner]
		switch {
		case e.Off:
			continue
		case e.Owner.nobody(), member && (r == nil || s.Balance && chance(rng, 0.1)):
			to = session{}
			if len(v.receivers) > 0 && chance(rng, 0.9) {
				to = pick(rng, v.receivers).session
			}
		}
		d.give(i, to)
		if to.nobody() {
			unplaced = append(unplaced, e.Part)
		}
	}
	return slices.Clip(unplaced)
}
