package main

// fleetRollback takes out what a fleet does when somebody has deleted the record of the office, or put an older one in its place. The
// tests that damage records are to find all of it, not the simulation, in which nobody does that.
var fleetRollback = onFleets([]string{"-run", "^TestDamage_"}, []mutation{
	{
		name: "rollback: a plan of another chain counts as heard",
		edit: edit{file: "fleet/rollback.go", old: "	n.older = errRolledBack(p.Epoch, n.plan.Epoch)\n", new: "	n.older, n.heard = errRolledBack(p.Epoch, n.plan.Epoch), n.now()\n"},
	},
	{
		name: "rollback: a node with an older plan says that all is well",
		edit: edit{file: "fleet/rollback.go", old: "	n.older = errRolledBack(p.Epoch, n.plan.Epoch)\n", new: ""},
	},
	{
		name: "rollback: the coordinator lets an older plan stand",
		edit: edit{file: "fleet/rollback.go", old: "	if o := n.office; o != nil && o.base.Epoch >= n.plan.Epoch && !o.isOver() {", new: "	if o := n.office; o != nil && o.base.Epoch < 0 {"},
	},
	{
		name: "rollback: the coordinator puts the same epoch in an older plan's place",
		edit: edit{file: "fleet/rollback.go", old: "		again.Epoch++\n", new: ""},
	},
	{
		name: "rollback: what a seat acknowledges proves nothing",
		edit: edit{file: "fleet/coordinate.go", old: "		n.proves(o, value.Epoch)\n", new: "		_ = n.proves\n"},
	},
	{
		name: "rollback: the new chain begins below the old one",
		edit: edit{file: "fleet/rollback.go", old: "&plan{Epoch: epoch, Width", new: "&plan{Epoch: o.base.Epoch, Width"},
	},
	{
		name: "rollback: the version of the lost list outlives it",
		edit: edit{file: "fleet/rollback.go", old: "&plan{Epoch: epoch, Width: width} // what", new: "&plan{Epoch: epoch, Width: width, Version: n.plan.Version} // what"},
	},
	{
		name: "rollback: the width is forgotten",
		edit: edit{file: "fleet/rollback.go", old: "		width = max(width, n.plan.Width)\n", new: ""},
	},
	{
		name: "rollback: parts are handed out at once",
		edit: edit{file: "fleet/rollback.go", old: "	o.doubt = n.now() + n.opts.length + n.opts.interval\n", new: ""},
	},
	{
		name: "rollback: a session that has not read the new chain's plan is no matter",
		edit: edit{file: "fleet/rollback.go", old: " && v.value.Epoch < newest {", new: " && v.value.Epoch < newest && newest == 0 {"},
	},
	{
		name: "rollback: a new chain without parts need not be read",
		edit: edit{file: "fleet/rollback.go", old: "		newest = o.since //", new: "		_ = o.since //"},
	},
	{
		name: "F4: what a seat says is stopping and the plan does not have yet is handed out",
		edit: edit{file: "fleet/rollback.go", old: "!found && (i == 0 ||", new: "!found && known < 0 && (i == 0 ||"},
	},
	{
		name: "rollback: a work that has not returned is no matter",
		edit: edit{file: "fleet/rollback.go", old: "			d.Parts[at].From = c.session\n", new: "			_ = c.session\n"},
	},
	{
		name: "rollback: works in a seat that nobody looks at may go on",
		edit: edit{file: "fleet/seat.go", old: "		n.endUnseen(errBeyond)\n", new: "		n.endSession(st, errBeyond)\n"},
	},
	{
		name: "rollback: a late answer is an edited record",
		edit: edit{file: "fleet/node.go", old: " && sent < n.heard {", new: " && sent < 0 {"},
	},
	{
		name: "rollback: a plan that is gone bars the nodes for ever",
		edit: edit{file: "fleet/node.go", old: "		n.alien, n.older = nil, nil\n", new: ""},
	},
})
