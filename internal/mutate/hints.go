package main

// hints takes out what bounds hints, and what they are good for. The simulation has sources that WithWake was given, and a store without hints.
var hints = []mutation{
	{
		name: "Hints: one counts as a proof",
		edit: edit{
			file: "lease/hints.go",
			old:  "	hints, err := w.Watch(ctx, name)\n",
			new:  "	hints, err := w.Watch(ctx, name)\n	m.watch.mu.Lock()\n	m.watch.at(name, true).since = -Forever\n	m.watch.mu.Unlock()\n",
		},
		deaf: true,
	},
	{
		name: "Hints: looks by them have no bound",
		edit: edit{
			file: "wake.go",
			old:  "	return max(r.mono()+draw, r.woken+every/wakesPerInterval)",
			new:  "	return r.mono() + draw",
		},
	},
	{
		name: "Hints: none is heeded",
		edit: edit{file: "wake.go", old: "if at := r.wakesAt(); at < until {", new: "if at := r.wakesAt(); at < until && false {"},
	},
	{
		name: "Hints: a source is not asked again",
		edit: edit{file: "wake.go", old: "			case <-next:\n			case <-v.ctx.Done():\n				return\n", new: "			case <-next:\n				return\n			case <-v.ctx.Done():\n				return\n"},
	},
	{
		name: "Hints: renewals by them have no bound",
		edit: edit{file: "asked.go", old: "h.soonest(h.opts.renewEvery / wakesPerInterval)", new: "h.soonest(0)"},
		deaf: true, tests: []string{"."}, args: []string{"-run", "^TestHint"},
	},
	{
		name: "Hints: a renewal in flight answers one",
		edit: edit{file: "asked.go", old: "h.pending != nil || h.failures > 0 {", new: "h.failures > 0 {"},
		deaf: true, tests: []string{"."}, args: []string{"-run", "^TestHint"},
	},
	{
		name: "Hints: one shortens the wait after a failure",
		edit: edit{file: "asked.go", old: "h.pending != nil || h.failures > 0 {", new: "h.pending != nil {"},
		deaf: true, tests: []string{"."}, args: []string{"-run", "^TestHint"},
	},
	{
		name: "Hints: nobody hears of them at /watch",
		edit: edit{file: "leaderhttp/tell.go", old: "	h.leader.Hint()\n", new: ""},
		deaf: true, tests: []string{"./leaderhttp"}, args: []string{"-run", "^TestTelling"},
	},
	{
		name: "Hints: a node of a fleet does not look at its seat",
		edit: edit{file: "fleet/wake.go", old: "		n.seat.leader.Hint()\n", new: "		_ = n.seat.leader.Hint\n"},
		deaf: true, tests: []string{"./leaderhttp"}, args: []string{"-run", "^TestTelling"},
	},
	{
		name: "Hints: a renewal is one",
		edit: edit{
			file: "lease/memory/store.go",
			old:  "len(s.hints[name]) > 0 && !lease.IsRenewal(before.data, data)",
			new:  "len(s.hints[name]) > 0",
		},
		deaf: true,
	},
	{
		name: "Hints: sources outlive the campaign",
		edit: edit{
			file: "campaign.go",
			old:  "	defer vigil.end()\n",
			new:  "	_ = vigil.end\n",
		},
	},
	{
		name: "Hints: a source that hangs is called again",
		edit: edit{
			file: "wake.go",
			old:  "		case <-before:\n		default:\n			return\n",
			new:  "		case <-before:\n		default:\n",
		},
		deaf: true, // a node leads twice while its source hangs: no world of a thousand has that
	},
	{
		name:  "Hints: looks at seats by them have no bound",
		edit:  edit{file: "fleet/seat_hints.go", old: "max(n.now(), v.hinted+n.opts.interval/hintsPerInterval)", new: "n.now()"},
		deaf:  true,
		tests: []string{"./fleet"},
		args:  []string{"-run", "^TestWake"},
	},
	{
		name:  "Hints: a way to wait at a seat is asked all the time",
		edit:  edit{file: "fleet/wake.go", old: "n.now() + n.opts.interval/hintsPerInterval\n", new: "n.now() + n.opts.interval/(10*hintsPerInterval)\n"},
		deaf:  true,
		tests: []string{"./fleet"},
		args:  []string{"-run", "^TestWake"},
	},
	{
		name:  "Hints: a source that fails is one that tells of something",
		edit:  edit{file: "fleet/wake.go", old: "		v.next = n.now() + n.opts.interval\n", new: "		n.lookByHint(o, at.seat)\n"},
		deaf:  true,
		tests: []string{"./fleet"},
		args:  []string{"-run", "^TestWake"},
	},
	{
		name:  "Hints: the coordinator does not wait at the seats",
		edit:  edit{file: "fleet/wake.go", old: "		n.beginVigil(o, at, v, seen)\n", new: "		_ = n.beginVigil\n"},
		deaf:  true,
		tests: []string{"./fleet"},
		args:  []string{"-run", "^TestWake"},
	},
	{
		name:  "Hints: a fleet's renewals are news",
		edit:  edit{file: "fleet/holding.go", old: "f.board.read(name); now != last {", new: "f.board.read(name); true {"},
		deaf:  true,
		tests: []string{"./fleet"},
		args:  []string{"-run", "^TestWake"},
	},
	{
		name:  "Hints: the watch of a fleet tells of no values",
		edit:  edit{file: "leaderhttp/fleet_watch.go", old: " || values && digest(now.Value) != query.Get(\"value\")", new: " || !values && digest(now.Value) == \"\""},
		deaf:  true,
		tests: []string{"./leaderhttp"},
	},
	{
		name: "Hints: Follow follows redirects",
		edit: edit{
			file: "leaderhttp/follow.go",
			old:  "	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }\n",
			new:  "",
		},
		deaf:  true,
		tests: []string{"./leaderhttp"},
	},
	{
		name: "Hints: Follow sends its header to any host",
		edit: edit{
			file: "leaderhttp/follow.go",
			old:  `if f.authorization != "" && !f.named {`,
			new:  "if false {",
		},
		deaf:  true,
		tests: []string{"./leaderhttp"},
	},
}
