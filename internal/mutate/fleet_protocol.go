package main

// fleetProtocol takes out what a node and a coordinator keep, so that no two nodes work on a part at once, and none is forgotten.
var fleetProtocol = onFleets(fleetTests, []mutation{
	{
		name: "F1: a seat is given back while works run",
		edit: edit{file: "fleet/seat.go", old: "		if p.working() && !n.hangs(p) {\n			return\n		}\n		givenUp = givenUp || p.working()\n", new: "		_ = p\n"},
	},
	{
		name: "F1: a lost seat ends Run",
		edit: edit{
			file: "fleet/seat.go",
			old:  "	n.emit(SeatEvent{Origin: n.origin(), Seat: st.number, Token: st.id.Token, Err: err})\n",
			new:  "	if err != nil {\n		n.fail(err)\n	}\n	n.emit(SeatEvent{Origin: n.origin(), Seat: st.number, Token: st.id.Token, Err: err})\n",
		},
	},
	{
		name: "WriteEvery: a seat that was swept is released at once",
		edit: edit{file: "fleet/coordinate.go", old: "	untilWritable(giveBack, n.opts.manager)\n", new: "	_ = untilWritable\n"},
	},
	{
		name: "FL1: a seat that has run out is swept late",
		edit: edit{
			file: "fleet/coordinate.go",
			old:  "		swept, err := n.takeAndGiveBack(o.ctx, k)\n",
			new:  "		select {\n		case <-time.After(2500 * time.Millisecond):\n		case <-o.ctx.Done():\n		}\n		swept, err := n.takeAndGiveBack(o.ctx, k)\n",
		},
	},
	{
		name: "F1: a part's term does not end with its work",
		edit: edit{file: "fleet/part.go", old: "	case res.told || from == Stopping || p.seat.ended:\n		p.keeper.End(nil)\n", new: "	case res.told || from == Stopping || p.seat.ended:\n"},
	},
	{
		name: "F1: what a plan takes goes on",
		edit: edit{file: "fleet/node.go", old: "		return ErrMoved\n", new: "		return nil\n"},
	},
	{
		name: "F1: a session that is over keeps its works",
		edit: edit{file: "fleet/node.go", old: "	if p.seat.ended {\n		return p.seat.cause\n	}\n	if lost := p.seat.term.Check(); lost != nil {\n		return lost\n	}\n", new: ""},
	},
	{
		name: "F2: plans are taken backwards",
		edit: edit{file: "fleet/node.go", old: "p.Epoch < n.plan.Epoch || p.Epoch == n.plan.Epoch && text", new: "p.Epoch == n.plan.Epoch && text"},
	},
	{
		name: "F2: a coordinator acts on a plan that is not acknowledged",
		edit: edit{file: "fleet/coordinate.go", old: "	o.teller.tell(text, true)\n", new: "	n.read(text, n.now())\n	o.teller.tell(text, true)\n"},
	},
	{
		name: "F3: a part with a giver is begun",
		edit: edit{file: "fleet/node.go", old: "if e.From != (session{}) && e.From != n.seat.id {", new: "if false {"},
	},
	{
		name: "F3: a work that has not returned is not acknowledged",
		edit: edit{file: "fleet/node.go", old: "		v.Stopping = append(v.Stopping, name)\n", new: "		_ = name\n"},
	},
	{
		name: "F3: any acknowledgement counts",
		edit: edit{file: "fleet/facts.go", old: "a.epoch >= token && ", new: ""},
	},
	{
		name: "F3: an acknowledgement counts whatever it says of the works",
		edit: edit{file: "fleet/facts.go", old: " && !a.stopping[part]", new: ""},
	},
	{
		name: "F3: the value of another session counts as an acknowledgement",
		edit: edit{file: "fleet/coordinate.go", old: "err == nil && value.Token == info.Token && info.State", new: "err == nil && info.State"},
	},
	{
		name: "F3: what is flushed last is not waited for",
		edit: edit{file: "fleet/part.go", old: "			if failed := n.flush(p); res.panicked == nil { // the first one counts\n				res.panicked = failed\n			}\n			n.fleet.works.Add(-1) // before Run can have ended\n			n.inbox.post(func() { n.returned(p, res) })\n", new: "			n.fleet.works.Add(-1)\n			n.inbox.post(func() { n.returned(p, res) })\n			n.flush(p)\n"},
	},
	{
		name: "F3a: the record of a break proves that a session is over",
		edit: edit{file: "fleet/facts.go", old: "	case info.Broken:\n", new: "	case false:\n"},
	},
	{
		name: "F3a: a state counts whatever the token",
		edit: edit{file: "fleet/facts.go", old: "info.Token == s.Token && info.State == lease.Free", new: "info.State == lease.Free"},
	},
	{
		name: "F3a: whatever is not held proves it, whatever the token",
		edit: edit{file: "fleet/facts.go", old: "	case info.Token > s.Token, info.Token == s.Token && info.State == lease.Free:", new: "	case info.Token > s.Token, info.State != lease.Held:"},
	},
	{
		name: "F3a: a seat that has run out proves that its session is over",
		edit: edit{file: "fleet/facts.go", old: "info.Token == s.Token && info.State == lease.Free", new: "info.Token == s.Token && info.State != lease.Held"},
	},
	{
		name: "F3a: a seat that cannot be read is free",
		edit: edit{file: "fleet/office.go", old: "		v.unread = true\n		return\n", new: "		v.unread = true\n		n.sees(o, k, lease.Info{Token: 1 << 62}, sent)\n		return\n"},
	},
	{
		name: "F3a: dead seats are not swept",
		edit: edit{file: "fleet/office.go", old: "		n.sweep(o, k)\n", new: ""},
	},
	{
		name: "F3a: a missing record proves nothing, however long",
		edit: edit{file: "fleet/facts.go", old: "	f.over[s] = true\n	if again", new: "	if again"},
	},
	{
		name: "F3a: a missing record proves at once that a session is over",
		edit: edit{file: "fleet/facts.go", old: "sent-since < length {", new: "since < 0 {"},
	},
	{
		name: "F4: a coordinator begins with the plan that it remembers",
		edit: edit{file: "fleet/office.go", old: "if o.base, err = n.opts.decode(text); err != nil {", new: "o.base, err = n.opts.decode(text)\n		if n.plan != nil {\n			o.base = n.plan.clone()\n		}\n		if err != nil {"},
	},
	{
		name: "F4: a coordinator begins a new chain, whatever plan it inherits",
		edit: edit{file: "fleet/office.go", old: "if o.base, err = n.opts.decode(text); err != nil {", new: "o.base = &plan{Width: minWidth}\n		if _, err = n.opts.decode(text); err != nil {"},
	},
	{
		name: "F4: the first plan of a chain has no parts",
		edit: edit{file: "fleet/office.go", old: "	if n.refreshList(o); o.base.Epoch == 0 {", new: "	if o.base.Epoch == 0 {"},
	},
	{
		name: "F4: a coordinator makes each plan of the one that was acknowledged",
		edit: edit{file: "fleet/room.go", old: "		next, unplaced = n.opts.assign(o.base, a.situation)\n", new: "		if n.plan != nil {\n			o.base = n.plan\n		}\n		next, unplaced = n.opts.assign(o.base, a.situation)\n"},
	},
	{
		name: "F4: a value that is no plan is replaced",
		edit: edit{file: "fleet/office.go", old: "			return leader.ErrStepDown\n", new: "			o.base = &plan{Width: minWidth}\n"},
	},
	{
		name: "F4: a coordinator goes on over a value that is no plan",
		edit: edit{file: "fleet/office.go", old: "		n.resign(o, n.alien)\n		return\n", new: ""},
	},
	{
		name: "F5: a work goes on when its part comes back under a new token",
		edit: edit{file: "fleet/node.go", old: " || e.Token != p.token {", new: " {"},
	},
	{
		name: "F7: the receiver of a part waits for its next poll",
		edit: edit{file: "fleet/node.go", old: "	if comes {\n", new: "	if comes && false {\n"},
	},
	{
		name: "F7: the coordinator waits for its next round to look at a giver",
		edit: edit{file: "fleet/coordinate.go", old: "		o.hurry.begin(p.Epoch, n.now(), n.pace())\n", new: ""},
	},
	{
		name: "F8: a node that reads no plans goes on",
		edit: edit{file: "fleet/node.go", old: "	n.endDeaf()\n", new: "	_ = n.endDeaf\n"},
	},
	{
		name: "F8: a deaf node renews its seat",
		edit: edit{file: "fleet/reader.go", old: "	if s.seat.deaf.Load() {\n", new: "	if s.seat.deaf.Load() && false {\n"},
	},
	{
		name: "F8: a coordinator that sees no seats goes on",
		edit: edit{file: "fleet/office.go", old: "case n.now() >= o.heard+n.opts.length: // F8", new: "case n.now() >= o.heard+n.opts.length && func() bool { o.heard = n.now(); return false }():"},
	},
	{
		name: "F9: a draining node is given parts",
		edit: edit{file: "fleet/coordinate.go", old: "Draining: o.facts.drains(sits)", new: "Draining: false"},
	},
	{
		name: "F9: the width does not grow",
		edit: edit{file: "fleet/coordinate.go", old: "	for width < maxWidth &&", new: "	for width < 0 &&"},
	},
	{
		name: "F9: a session that has said nothing yet is given parts",
		edit: edit{file: "fleet/coordinate.go", old: "v.info.Broken || !v.bound {", new: "v.info.Broken {"},
	},
	{
		name: "F9: a session that is over is given parts",
		edit: edit{file: "fleet/coordinate.go", old: "sits == (session{}) || o.facts.isOver(sits)", new: "sits == (session{})"},
	},
	{
		name: "F10: a list counts that came with an error",
		edit: edit{file: "fleet/listing.go", old: "	case err != nil:\n", new: "	case err != nil && len(parts) == 0:\n"},
	},
	{
		name: "balance: parts move though nodes come and go",
		edit: edit{file: "fleet/coordinate.go", old: "Balance: now >= calm,", new: "Balance: true,"},
	},
	{
		name: "F8: a plan that has no room for balance is not sent",
		edit: edit{file: "fleet/room.go", old: "{ a.Balance = false }", new: "{ _ = a }"},
	},
	{
		name: "F8: a plan that has no room for hints is not sent",
		edit: edit{file: "fleet/room.go", old: "{ a.Seated = nil }", new: "{ _ = a }"},
	},
	{
		name: "balance: a fleet hands out before its nodes have come",
		edit: edit{file: "fleet/coordinate.go", old: "HandOut: now >= handOut && n.mayHandOut(o, now),", new: "HandOut: true,"},
	},
	{
		name: "balance: a fleet hands out while a crowd waits for seats",
		edit: edit{file: "fleet/coordinate.go", old: "		o.gathers = n.now() // those", new: "		_ = n.now() // those"},
	},
	{
		name: "balance: a fleet never hands out",
		edit: edit{file: "fleet/coordinate.go", old: "HandOut: now >= handOut && n.mayHandOut(o, now),", new: "HandOut: false,"},
	},
	{
		name: "drain: a node leaves with its parts",
		edit: edit{file: "fleet/drain.go", old: "	if !n.hasNothing(st) && !(n.draining && n.rests()) && n.now() < st.drainBy {\n", new: "	if n.now() < 0 {\n"},
	},
	{
		name: "drain: the office is given up first",
		edit: edit{file: "fleet/drain.go", old: "	if n.office != nil && n.plan.names(n.was) && n.now() < n.drainBy {\n", new: "	if n.office != nil && n.now() < 0 {\n"},
	},
	{
		name: "leader: a noted value is sent at once",
		edit: edit{file: "value.go", old: "	if c.noted {\n		c.done <- nil\n		return\n	}\n", new: "	if c.noted {\n		c.done <- nil\n		h.hurry()\n		return\n	}\n"},
	},
	{
		name: "lease: a term within another goes on after that",
		edit: edit{file: "lease/term.go", old: "			k.end(k.endWith(over))\n", new: "			_ = over\n"},
	},
})
