package fleet

import (
	"slices"
	"strings"
)

// A situation is all that the next plan depends on, besides the plan before.
type situation struct {
	HasList bool     // false: the list of parts is not known, or could not be read
	Parts   []string // the list: sorted, each part once
	Version uint64   // of the list (F10)

	Members []member  // in any order
	Width   int       // F9: of the next plan
	Seated  []session // in any order

	Over    func(session) bool                                 // F3a: the session surely never works again
	Stopped func(from session, part string, token uint64) bool // F3: from has acknowledged an epoch >= token, without the part

	Claims []claim // sorted; what sessions are stopping that base does not have from them: the chain of plans was broken

	Unplaced []string // what no member had room for when the plan before was made
	Moves    []pin    // what operators want now; without a node: the part is pinned no more

	Balance bool // it is calm: parts may move for balance alone
	HandOut bool // false: a fleet in which nobody has anything waits for more nodes
}

// A member is a session that may have parts: its seat's latest look is Held, not broken, within the width, and its value names the
// session's token (F9).
type member struct {
	session
	Node     string // its ID
	Weight   int    // its share of the parts, beside the others' weights; 0: a spare
	Capacity int    // the most parts that it takes; 0: no limit
	Draining bool   // it is to get nothing, and to lose what it has
}

// A draft is the next plan while it is made. Its methods keep the rules of safety, F3, F5, F6 and F10. So assign, or another
// way to choose, may give any part to any member.
type draft struct{ *plan }

// begin copies the plan, with the facts since and the list of parts in it. Nobody is given anything yet.
func begin(base *plan, s *situation) draft {
	d := draft{base.clone()}
	d.Epoch++
	d.Width = s.Width
	d.Seated = slices.Clone(s.Seated)
	slices.SortFunc(d.Seated, session.compare)
	d.Seated = slices.Compact(d.Seated)
	d.learn(s)
	d.adopt(s.Claims)
	d.list(s)
	d.strike()
	d.pin(s)
	return d
}

// learn writes down who has stopped, and who is over. A giver that has stopped is a giver no more (F3); the one that a part was
// taken from before its present owner began stays the giver also if that owner is over (F6).
func (d draft) learn(s *situation) {
	for i := range d.Parts {
		e := &d.Parts[i]
		if !e.From.nobody() && (s.Over(e.From) || s.Stopped(e.From, e.Part, e.Token)) {
			e.From = session{}
		}
		if !e.Owner.nobody() && s.Over(e.Owner) {
			e.Owner, e.Token = session{}, d.Epoch // F5
		}
	}
}

// list takes the list of parts, unless it is unknown or empty, or the plan's is newer (F10).
func (d draft) list(s *situation) {
	if !s.HasList || len(s.Parts) == 0 || s.Version < d.Version {
		return
	}
	d.Version = s.Version
	known, wanted := d.Parts, s.Parts
	d.Parts = make([]entry, 0, max(len(known), len(wanted)))
	for len(known)+len(wanted) > 0 {
		switch order := compareFirst(known, wanted); {
		case order > 0:
			d.Parts = append(d.Parts, entry{Part: wanted[0], Token: d.Epoch})
			wanted = wanted[1:]
		default:
			e := known[0]
			e.Off = order < 0
			d.Parts = append(d.Parts, e)
			known = known[1:]
			if order == 0 {
				wanted = wanted[1:]
			}
		}
	}
}

// compareFirst tells which of the first ones comes first. An empty list comes last.
func compareFirst(known []entry, wanted []string) int {
	switch {
	case len(known) == 0:
		return 1
	case len(wanted) == 0:
		return -1
	}
	return strings.Compare(known[0].Part, wanted[0])
}

// strike takes the parts off the list away from their owners. The entry of such a part stays until its giver has stopped: if the
// part came back before that, a second node would begin it (F5).
func (d draft) strike() {
	for i := range d.Parts {
		if d.Parts[i].Off {
			d.give(i, session{})
		}
	}
	d.Parts = slices.DeleteFunc(d.Parts, func(e entry) bool { return e.Off && e.From.nobody() })
}

// give makes a part another session's, or nobody's, under a new token (F5). Its owner becomes the giver, who has to stop first
// (F3). If there is a giver yet, that stays the giver: the owner cannot have begun (F6).
func (d draft) give(i int, to session) {
	e := &d.Parts[i]
	if e.Owner == to {
		return
	}
	if e.From.nobody() {
		e.From = e.Owner
	}
	e.Owner, e.Token = to, d.Epoch
}
