package main

// fleetPins takes out what a pin of a part means.
var fleetPins = onFleets([]string{"-run", "Assign|Plan|Pins|Unpack"}, []mutation{
	{
		name: "Pins: pinned parts move for balance",
		edit: edit{file: "fleet/assign.go", old: "return r.load == r.pinned }", new: "return r.load == 0 }"},
	},
	{
		name: "Pins: what is asked for waits until it is calm",
		edit: edit{file: "fleet/pins.go", old: "!pinned || !calm && !v.asked[i]", new: "!pinned || !calm"},
	},
	{
		name: "Pins: what is pinned does not wait until it is calm",
		edit: edit{file: "fleet/pins.go", old: "!pinned || !calm && !v.asked[i]", new: "!pinned"},
	},
	{
		name: "Pins: what is pinned does not come back",
		edit: edit{file: "fleet/pins.go", old: "!pinned || !calm && !v.asked[i]", new: "!pinned || !v.asked[i]"},
	},
	{
		name: "Pins: capacity is no limit",
		edit: edit{file: "fleet/pins.go", old: "if !r.full() && (best", new: "if (best"},
	},
	{
		name: "Pins: a node that is full keeps what is not pinned to it",
		edit: edit{file: "fleet/pins.go", old: "again || calm && v.exchange()", new: "again || calm && len(v.home) > 1<<30 && v.exchange()"},
	},
	{
		name: "Pins: a part off the list keeps its pin",
		edit: edit{file: "fleet/pins.go", old: "return !found || e.Off", new: "return !found || e.Part == \"\""},
	},
	{
		name: "Pins: a part that is nobody's goes to anybody",
		edit: edit{file: "fleet/assign.go", old: "	parts = v.placePinned(parts)\n", new: "	_ = v.placePinned\n"},
	},
	{
		name: "Pins: what is pinned loses its place to others",
		edit: edit{file: "fleet/assign.go", old: "range []bool{true, false} {\n		if home", new: "range []bool{false, true} {\n		if home"},
	},
	{
		name: "Pins: they have no bound",
		edit: edit{file: "fleet/pins.go", old: "len(text) > maxPinText", new: "len(text) > 1<<30"},
	},
	{
		name: "Pins: programs that know none read the plan",
		edit: edit{file: "fleet/plan_encoding.go", old: "	if pins == \"\" {\n", new: "	if p.Epoch > 0 {\n"},
	},
})

// fleetAsked takes out what operators ask of a fleet's nodes.
var fleetAsked = onFleets([]string{"-run", "^Test(Move|Drain|Resume)"}, []mutation{
	{
		name: "Drain: a node that was drained takes parts in its next seat",
		edit: edit{file: "fleet/drain.go", old: "(leaves || n.retired)", new: "(leaves || n.retired && n.was == st.id && len(n.parts) > 0)"},
	},
	{
		name: "Drain: a node that was drained gives its seat back",
		edit: edit{file: "fleet/drain.go", old: "if n.retired && !n.draining && n.gives", new: "if n.retired && !n.draining && n.draining && n.gives"},
	},
	{
		name: "Drain: a sick node that was drained gives its seat back",
		edit: edit{file: "fleet/drain.go", old: "if n.retired && !n.draining && n.gives", new: "if n.retired && !leaves && n.gives"},
	},
	{
		name: "Drain: who asks does not wait",
		edit: edit{file: "fleet/ask.go", old: " && !p.names(d.session), nil", new: " && p != nil, nil"},
	},
	{
		name: "Drain: who waits hears of no change",
		edit: edit{file: "fleet/until.go", old: "		running.Go(func() { passOn(ctx, changes, of) })\n", new: "		_, _ = changes, passOn\n"},
	},
	{
		name: "Move: a wish stands for ever",
		edit: edit{file: "fleet/holding.go", old: "		held.Wish = lease.Wish{}\n", new: ""},
	},
	{
		name: "Move: the coordinator acts on no wish",
		edit: edit{file: "fleet/pins.go", old: "				n.move(m)\n", new: "				_ = m\n"},
	},
	{
		name: "Move: a node that is not there is not refused",
		edit: edit{file: "fleet/ask.go", old: "n.Node == node && n.takes()", new: "n.Seat > 0"},
	},
})
