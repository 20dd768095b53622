package main

// hints takes out what bounds hints. The simulation has a store without hints.
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
		deaf: true,
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
		deaf: true,
	},
	{
		name: "Hints: a source that hangs is called again",
		edit: edit{
			file: "wake.go",
			old:  "		case <-before:\n		default:\n			return\n",
			new:  "		case <-before:\n		default:\n",
		},
		deaf: true,
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
			old:  `if f.authorization != "" && len(f.hosts) == 0 {`,
			new:  "if false {",
		},
		deaf:  true,
		tests: []string{"./leaderhttp"},
	},
}
