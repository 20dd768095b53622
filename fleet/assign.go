package fleet

import (
	"cmp"
	"slices"
)

// assign makes the next plan of the one before, base. Its epoch is the next, and whatever changes hands has that as its token. It
// is nil if nothing changes. unplaced are the parts that are nobody's because no member has room; it is complete also if nothing
// changes. While nothing is handed out, it stays as it was: the parts wait for more members.
//
// Parts that are nobody's, or a draining member's, go at once to the member that has least by its weight, never above its
// capacity. For balance alone parts move only when it is calm (Balance), no more than that needs, and none after that. An owner
// that is no member, and not over either, keeps what it has: nothing certain is known of it.
//
// A pinned part goes to its node if that is a member, does not drain and has room: at once if the part is nobody's or the move is asked for
// now, else when it is calm. There it counts as load, and is not moved for balance. While it cannot be there, it is a part as any other.
//
// The result depends on base and s alone, not on the order of the members.
func assign(base *plan, s situation) (next *plan, unplaced []string) {
	d := begin(base, &s)
	unplaced = s.Unplaced
	if s.HandOut || d.somebodyHasSomething() {
		v := divide(d, &s)
		unplaced = v.place(v.orphans())
		v.settlePins(s.Balance)
		if s.Balance {
			v.level()
		}
		v.giveAll()
	}
	if d.sameAs(base) {
		return nil, unplaced
	}
	return d.plan, unplaced
}

func (d draft) somebodyHasSomething() bool {
	return slices.ContainsFunc(d.Parts, func(e entry) bool { return !e.Owner.nobody() })
}

// A receiver is a member that may be given parts.
type receiver struct {
	member
	rank  int   // in the order of the sessions
	share int64 // its weight; 1 of a spare
	kept  int   // parts that it has had before this plan, and keeps
	load  int

	pinned int   // parts of the load that are pinned to its node
	parts  []int // the others, by their place in the plan; those that it cannot have begun come last
}

func (r *receiver) full() bool  { return r.Capacity > 0 && r.load >= r.Capacity }
func (r *receiver) empty() bool { return r.load == r.pinned }

// compareSlots compares the n-th part of a with the m-th of b: n/weight counts, so a receiver of twice the weight has twice the
// parts. A spare's parts come after all others', and so spares get what nobody else has room for. Spares are equal.
func compareSlots(a *receiver, n int, b *receiver, m int) int {
	if a.spare() != b.spare() {
		if a.spare() {
			return 1
		}
		return -1
	}
	return cmp.Compare(int64(n)*b.share, int64(m)*a.share)
}

func (r *receiver) spare() bool { return r.Weight <= 0 }

// neediest orders receivers by the part that each would get next. Of equals, the one that has kept least comes first: it has come last, and so a
// rolling restart comes to it last. What an older one got would have to move once more.
func neediest(a, b *receiver) int {
	return cmp.Or(compareSlots(a, a.load+1, b, b.load+1), compareSlots(a, a.kept, b, b.kept), a.rank-b.rank)
}

// richest orders receivers by the last part that each has, from the greatest.
func richest(a, b *receiver) int {
	return cmp.Or(compareSlots(b, b.load, a, a.load), a.rank-b.rank)
}

// A division gives the parts of a draft to the members.
type division struct {
	draft
	owners    []session             // whose each part is to be: a part may change hands several times before it is given, once
	receivers []*receiver           // in the order of their sessions
	members   map[session]*receiver // nil: it drains, and only gives

	home   map[int]string         // the node that a part is pinned to, by the part's place in the plan
	called map[string][]*receiver // by their nodes' names
	asked  map[int]bool           // the pinned parts whose move is asked for now
}

// divide sorts the members: who receives, and who only gives. A session that is over receives nothing, whatever its seat shows.
func divide(d draft, s *situation) *division {
	v := &division{draft: d, owners: make([]session, len(d.Parts)), members: make(map[session]*receiver, len(s.Members))}
	for i, e := range d.Parts {
		v.owners[i] = e.Owner
	}
	for _, m := range s.Members {
		switch {
		case m.Draining:
			v.members[m.session] = nil
		case !s.Over(m.session):
			r := &receiver{member: m, share: int64(min(max(m.Weight, 1), maxWeight))}
			v.members[m.session] = r
			v.receivers = append(v.receivers, r)
		}
	}
	slices.SortFunc(v.receivers, func(a, b *receiver) int { return a.compare(b.session) })
	for i, r := range v.receivers {
		r.rank = i
	}
	v.notePins(s)
	return v
}

// orphans returns the parts that need another owner at once: nobody's, a draining member's, and those above their owner's capacity.
// All others are their owners' loads. Of a load that is too great, pinned parts stay first.
func (v *division) orphans() (parts []int) {
	for _, home := range []bool{true, false} {
		if home && len(v.home) == 0 {
			continue
		}
		for i, e := range v.Parts {
			r, member := v.members[e.Owner]
			switch {
			case e.Off, v.isHome(i, r) != home:
			case e.Owner.nobody(), member && (r == nil || r.full()):
				parts = append(parts, i)
			case r != nil:
				r.kept++
				r.load++
				if home {
					r.pinned++
				}
			}
		}
	}
	slices.Sort(parts)
	return parts
}

// place gives each of the parts to the node that it is pinned to, or else to the neediest receiver that has room. If there is none, the
// part is nobody's, and is returned.
func (v *division) place(parts []int) (unplaced []string) {
	parts = v.placePinned(parts)
	to := v.queue(neediest, (*receiver).full)
	for _, i := range parts {
		if len(to.of) == 0 {
			v.owners[i] = session{}
			unplaced = append(unplaced, v.Parts[i].Part)
			continue
		}
		r := to.of[0]
		v.owners[i] = r.session
		r.load++
		to.settle(r.full())
	}
	return unplaced
}

// level moves parts from a to b while load(a)/weight(a) > (load(b)+1)/weight(b), from the richest to the neediest. These are the
// fewest moves: sort the slots of all receivers, and draw a line below as many as there are parts. Each move takes a part from
// beyond the line, or fills a slot before it, or both. No move does the contrary.
//
// A receiver keeps its place in the one queue while it changes in the other. It would come first there only when all are level,
// and then level ends.
func (v *division) level() {
	from, to := v.queue(richest, (*receiver).empty), v.queue(neediest, (*receiver).full)
	for len(from.of) > 0 && len(to.of) > 0 {
		a, b := from.of[0], to.of[0]
		if compareSlots(a, a.load, b, b.load+1) <= 0 {
			return
		}
		if a.parts == nil {
			v.listParts()
		}
		last := len(a.parts) - 1
		v.owners[a.parts[last]] = b.session
		a.parts = a.parts[:last]
		a.load--
		b.load++
		from.settle(a.empty())
		to.settle(b.full())
	}
}

// giveAll gives each part to whose it is to be.
func (v *division) giveAll() {
	for i, to := range v.owners {
		v.give(i, to)
	}
}

// listParts notes which parts each receiver has that may move for balance. Those that another one still has to stop come last, and so
// move first: their owner cannot have begun them.
func (v *division) listParts() {
	for _, waiting := range []bool{false, true} {
		for i, e := range v.Parts {
			waits := v.owners[i] != e.Owner || !e.From.nobody() && e.From != e.Owner
			if r := v.members[v.owners[i]]; r != nil && !v.isHome(i, r) && waits == waiting {
				r.parts = append(r.parts, i)
			}
		}
	}
}

// A queue has first the receiver that comes first by its order (it is a heap). Only that one is changed.
type queue struct {
	of    []*receiver
	order func(a, b *receiver) int
}

// queue returns the receivers, without those that are of no use in it.
func (v *division) queue(order func(a, b *receiver) int, useless func(*receiver) bool) *queue {
	q := &queue{of: slices.DeleteFunc(slices.Clone(v.receivers), useless), order: order}
	slices.SortFunc(q.of, order)
	return q
}

// settle puts the first receiver into its place after a change, or takes it out.
func (q *queue) settle(out bool) {
	if out {
		last := len(q.of) - 1
		q.of[0] = q.of[last]
		q.of = q.of[:last]
	}
	for i := 0; ; {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(q.of); child++ {
			if q.order(q.of[child], q.of[first]) < 0 {
				first = child
			}
		}
		if first == i {
			return
		}
		q.of[i], q.of[first] = q.of[first], q.of[i]
		i = first
	}
}
