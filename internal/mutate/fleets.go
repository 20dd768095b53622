package main

import "slices"

// fleets takes out what keeps a part from two nodes, and what divides parts well. The simulation of leases knows no parts.
var fleets = onFleets(pureTests, drafts, divisions, fleetValues)

// The tests of package fleet that look for mutations: those of the pure parts, or those of whole fleets. Some of either take long, and
// would not find the other's.
var (
	pureTests  = []string{"-skip", "^Test(Worlds|Explore|Many|Times)"}
	fleetTests = []string{"-worlds", "4000", "-faults", "1", "-skip", "^Test(Many|Times|RollingRestart|Assign|RandomAssign|Moves|Sizes|TheNext|Plan|.*SeatValue)"}
)

// onFleets has tests of package fleet look for the mutations.
func onFleets(tests []string, of ...[]mutation) []mutation {
	all := slices.Concat(of...)
	for i := range all {
		all[i].deaf, all[i].tests, all[i].args = true, []string{"./fleet"}, tests
	}
	return all
}

// drafts are the rules that each plan keeps, however it divides the parts.
var drafts = []mutation{
	{
		name: "F3: a giver that has stopped stays the giver",
		edit: edit{file: "fleet/draft.go", old: "(s.Over(e.From) || s.Stopped(e.From, e.Part, e.Token))", new: "s.Over(e.From)"},
	},
	{
		name: "F3: a giver that is over stays the giver",
		edit: edit{file: "fleet/draft.go", old: "(s.Over(e.From) || s.Stopped(e.From, e.Part, e.Token))", new: "s.Stopped(e.From, e.Part, e.Token)"},
	},
	{
		name: "F3: any acknowledgement of a giver counts",
		edit: edit{file: "fleet/draft.go", old: "s.Stopped(e.From, e.Part, e.Token)", new: "s.Stopped(e.From, e.Part, 1)"},
	},
	{
		name: "F3: who loses a part need not stop",
		edit: edit{file: "fleet/draft.go", old: "		e.From = e.Owner\n", new: "		e.From = session{}\n"},
	},
	{
		name: "F3: who loses a part to nobody need not stop",
		edit: edit{file: "fleet/draft.go", old: "	if e.From.nobody() {\n		e.From", new: "	if e.From.nobody() && !to.nobody() {\n		e.From"},
	},
	{
		name: "F3a: an owner that is over keeps its parts",
		edit: edit{file: "fleet/draft.go", old: "!e.Owner.nobody() && s.Over(e.Owner)", new: "e.Owner.nobody() && s.Over(e.Owner)"},
	},
	{
		name: "F4: another plan has the same epoch",
		edit: edit{file: "fleet/draft.go", old: "	d.Epoch++\n", new: "	d.Epoch = max(d.Epoch, 1)\n"},
	},
	{
		name: "F5: the token stays when a part changes hands",
		edit: edit{file: "fleet/draft.go", old: "	e.Owner, e.Token = to, d.Epoch\n", new: "	e.Owner = to\n"},
	},
	{
		name: "F5: a part that comes to the list has the first token",
		edit: edit{file: "fleet/draft.go", old: "entry{Part: wanted[0], Token: d.Epoch}", new: "entry{Part: wanted[0], Token: 1}"},
	},
	{
		name: "F5: a part off the list is forgotten while its giver works",
		edit: edit{file: "fleet/draft.go", old: "e.Off && e.From.nobody()", new: "e.Off"},
	},
	{
		name: "F5: a part off the list stays its owner's",
		edit: edit{file: "fleet/draft.go", old: "			d.give(i, session{})\n", new: "			continue\n"},
	},
	{
		name: "F6: who has just been given a part becomes its giver",
		edit: edit{file: "fleet/draft.go", old: "	if e.From.nobody() {\n		e.From", new: "	if !e.Owner.nobody() {\n		e.From"},
	},
	{
		name: "F6: the giver is forgotten with the owner that is over",
		edit: edit{file: "fleet/draft.go", old: "e.Owner, e.Token = session{}, d.Epoch // F5", new: "e.Owner, e.From, e.Token = session{}, session{}, d.Epoch"},
	},
	{
		name: "F10: an older list replaces a newer one",
		edit: edit{file: "fleet/draft.go", old: " || s.Version < d.Version {", new: " {"},
	},
	{
		name: "F10: an empty list is one",
		edit: edit{file: "fleet/draft.go", old: " || len(s.Parts) == 0 ||", new: " ||"},
	},
	{
		name: "F10: no list is an empty one",
		edit: edit{file: "fleet/draft.go", old: "!s.HasList || len(s.Parts) == 0", new: "s.HasList && len(s.Parts) == 0"},
	},
	{
		name: "F10: a part that comes back to the list stays off it",
		edit: edit{file: "fleet/draft.go", old: "e.Off = order < 0", new: "e.Off = e.Off || order < 0"},
	},
}

// divisions are the rules of balance.
var divisions = []mutation{
	{
		name: "F3a: a session that is over is given parts",
		edit: edit{file: "fleet/assign.go", old: "		case !s.Over(m.session):\n", new: "		default:\n"},
	},
	{
		name: "Balance: a member that drains is given parts",
		edit: edit{file: "fleet/assign.go", old: "		case m.Draining:\n", new: "		case m.Draining && m.Capacity < 0:\n"},
	},
	{
		name: "Balance: a member that drains keeps its parts",
		edit: edit{file: "fleet/assign.go", old: "member && (r == nil || r.full()):", new: "member && r != nil && r.full():"},
	},
	{
		name: "Balance: what fits nowhere stays with a member that drains",
		edit: edit{file: "fleet/assign.go", old: "			v.owners[i] = session{}\n", new: ""},
	},
	{
		name: "Balance: what fits nowhere is not reported",
		edit: edit{file: "fleet/assign.go", old: "			unplaced = append(unplaced, v.Parts[i].Part)\n", new: ""},
	},
	{
		name: "Balance: capacity is no limit",
		edit: edit{file: "fleet/assign.go", old: "r.Capacity > 0 && r.load >= r.Capacity", new: "r.Capacity > 0 && r.load < 0"},
	},
	{
		name: "Balance: what is above a capacity stays",
		edit: edit{file: "fleet/assign.go", old: "member && (r == nil || r.full()):", new: "member && r == nil:"},
	},
	{
		name: "Balance: weights are no matter",
		edit: edit{file: "fleet/assign.go", old: "int64(min(max(m.Weight, 1), maxWeight))", new: "1"},
	},
	{
		name: "Balance: a spare is as any other",
		edit: edit{file: "fleet/assign.go", old: "return r.Weight <= 0 }", new: "return r.Weight < 0 }"},
	},
	{
		name: "Balance: parts move before it is calm",
		edit: edit{file: "fleet/assign.go", old: "		if s.Balance {\n", new: "		if true {\n"},
	},
	{
		name: "Balance: parts never move for it",
		edit: edit{file: "fleet/assign.go", old: "		if s.Balance {\n", new: "		if s.Balance && len(v.receivers) < 0 {\n"},
	},
	{
		name: "Balance: parts move between equals, and back",
		edit: edit{file: "fleet/assign.go", old: "compareSlots(a, a.load, b, b.load+1) <= 0", new: "compareSlots(a, a.load, b, b.load) <= 0"},
	},
	{
		name: "Balance: parts go to the first that has room",
		edit: edit{file: "fleet/assign.go", old: "		to.settle(r.full())\n", new: "		if r.full() {\n			to.settle(true)\n		}\n"},
	},
	{
		name: "Balance: of equals any gets a part",
		edit: edit{file: "fleet/assign.go", old: "compareSlots(a, a.kept, b, b.kept), ", new: ""},
	},
	{
		name: "Balance: parts come from any who has too many",
		edit: edit{file: "fleet/assign.go", old: "		from.settle(a.empty())\n", new: "		if a.empty() {\n			from.settle(true)\n		}\n"},
	},
	{
		name: "Balance: parts that are worked on move before those that wait",
		edit: edit{file: "fleet/assign.go", old: "[]bool{false, true}", new: "[]bool{true, false}"},
	},
	{
		name: "Balance: it depends on the order of the members",
		edit: edit{file: "fleet/assign.go", old: "	slices.SortFunc(v.receivers, func(a, b *receiver) int { return a.compare(b.session) })\n", new: ""},
	},
	{
		name: "Balance: a fleet in which nobody has anything does not wait",
		edit: edit{file: "fleet/assign.go", old: "	if s.HandOut || d.somebodyHasSomething() {", new: "	if s.HandOut || d.Epoch > 0 {"},
	},
	{
		name: "Balance: a fleet in which somebody has something waits",
		edit: edit{file: "fleet/assign.go", old: "	if s.HandOut || d.somebodyHasSomething() {", new: "	if s.HandOut {"},
	},
	{
		name: "F4: a plan follows though nothing has changed",
		edit: edit{file: "fleet/assign.go", old: "	if d.sameAs(base) {", new: "	if d.Epoch == 0 {"},
	},
}

// fleetValues are the rules of what is kept in leases: the plan, and the seats' values.
var fleetValues = []mutation{
	{
		name: "plan: a damaged one is read",
		edit: edit{file: "fleet/seal.go", old: "i < 0 || text != summed(text[:i])", new: "i < 0 && text != summed(text)"},
	},
	{
		name: "plan: a newer program's fields are dropped",
		edit: edit{file: "fleet/seal.go", old: "	d.DisallowUnknownFields()\n", new: ""},
	},
	{
		name: "plan: a newer format is read as this one",
		edit: edit{file: "fleet/seal.go", old: "	case found.Format > wanted.Format:", new: "	case found.Format > wanted.Format+10:"},
	},
	{
		name: "plan: another kind of value is read",
		edit: edit{file: "fleet/seal.go", old: "	case found.Kind != wanted.Kind:", new: "	case found.Kind == \"\":"},
	},
	{
		name: "plan: it is inflated without bound",
		edit: edit{file: "fleet/packing.go", old: "	case len(data) > maxPacked:", new: "	case len(data) > 1<<40:"},
	},
	{
		name: "plan: names are made without bound",
		edit: edit{file: "fleet/packing.go", old: "range r.number(uint64(maxParts - len(names))) {\n			names", new: "range r.number(1 << 24) {\n			names"},
	},
	{
		name: "plan: what follows its parts is passed over",
		edit: edit{file: "fleet/packing.go", old: "r.err == nil && len(r.rest) > 0", new: "r.err == nil && len(r.rest) < 0"},
	},
	{
		name: "plan: one that breaks its rules is read",
		edit: edit{file: "fleet/plan_encoding.go", old: "	if err := p.valid(); err != nil {\n		return nil, damaged", new: "	if err := p.valid(); err != nil && p.Epoch == 0 {\n		return nil, damaged"},
	},
	{
		name: "plan: one that breaks its rules is written",
		edit: edit{file: "fleet/plan_encoding.go", old: "	if err := p.valid(); err != nil {\n		return \"\", unfit", new: "	if err := p.valid(); err != nil && p.Epoch == 0 {\n		return \"\", unfit"},
	},
	{
		name: "plan: a token may be above the epoch",
		edit: edit{file: "fleet/plan.go", old: "e.Token == 0 || e.Token > epoch", new: "e.Token == 0"},
	},
	{
		name: "plan: no value is a damaged one",
		edit: edit{file: "fleet/plan_encoding.go", old: "	if text == \"\" {\n		return nil, errNoPlan", new: "	if text == \" \" {\n		return nil, errNoPlan"},
	},
	{
		name: "plan: its text forgets the giver's token",
		edit: edit{file: "fleet/entries_packing.go", old: "		c.givers = append(c.givers, r.session())\n", new: "		c.givers = append(c.givers, session{Seat: r.session().Seat, Token: 1})\n"},
	},
	{
		name: "seat: a damaged value is read",
		edit: edit{file: "fleet/seat_value.go", old: "	if err := v.valid(); err != nil {\n		return seatValue{}", new: "	if err := v.valid(); err != nil && v.Weight > 0 {\n		return seatValue{}"},
	},
	{
		name: "seat: one part that is stopping is left out",
		edit: edit{file: "fleet/seat_value.go", old: "	names := r.names()\n", new: "	names := r.names()[1:]\n"},
	},
}
