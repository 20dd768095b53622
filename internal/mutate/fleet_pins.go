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
		edit: edit{file: "fleet/pins.go", old: "again || calm && v.exchange()", new: "again || calm && v.exchange() && false"},
	},
	{
		name: "Pins: a part off the list keeps its pin",
		edit: edit{file: "fleet/pins.go", old: "return !found || e.Off", new: "return !found"},
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
		edit: edit{file: "fleet/plan_encoding.go", old: "len(pins) > maxPinText", new: "len(pins) > 1<<30"},
	},
	{
		name: "Pins: programs that know none read the plan",
		edit: edit{file: "fleet/plan_encoding.go", old: "	if pins == \"\" {\n", new: "	if p.Epoch > 0 {\n"},
	},
})
