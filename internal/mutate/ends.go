package main

// ends take out rules for releases, for requests and for the end of a term, and some later ones.
var ends = []mutation{
	// R6
	{
		name: "R6: release from whatever version stands",
		edit: edit{
			file: "lease/protocol.go",
			old:  "		if lost := now.lostBy(held); lost != nil {\n			return lost\n		}\n		from = now.version // R6",
			new:  "		from = now.version // R6",
		},
	},
	{
		name: "R6: release gives up when its own late renewal beat it",
		edit: edit{
			file: "lease/protocol.go",
			old:  "		from = now.version // R6",
			new:  "		return &LostError{Name: held.Name, Token: held.Token, Reason: LostTaken} // R6",
		},
	},
	{
		name: "R6: an acquisition that failed is left as it is",
		edit: edit{
			file: "lease/protocol.go",
			old:  "	ctx, cancel := host.WithTimeout(context.WithoutCancel(ctx), UndoTimeout(req.Length))",
			new:  "	return cell{}, false\n	ctx, cancel := host.WithTimeout(context.WithoutCancel(ctx), UndoTimeout(req.Length))",
		},
	},
	{
		name: "R6: an acquisition that failed is looked at, and left as it is",
		edit: edit{
			file: "lease/protocol.go",
			old:  "		_, _ = m.swap(ctx, req.Name, seen.version, &ours) // if this fails, the record runs out\n",
			new:  "		_ = ours\n",
		},
	},
	{
		name: "R6: an acquisition that failed is waited for like anybody's",
		edit: edit{
			file: "lease/protocol.go",
			old:  "	m.watch.bury(req.Name, replaced.version, id, replaced.sent, host.From(ctx).Read().Mono)\n",
			new:  "",
		},
	},
	{
		name: "R6: a term that was lost by its deadline is not released",
		edit: edit{
			file: "term.go",
			old:  "	err := t.holding.release()\n",
			new:  "	err := lease.ErrLost\n	if t.stopped.why == none {\n		err = t.holding.release()\n	}\n",
		},
	},
	{
		name: "R6: an acquisition that comes too late is kept",
		edit: edit{
			file: "campaign.go",
			old:  "				_ = r.opts.manager.Release(ctx, late.value)\n",
			new:  "				_ = ctx\n",
		},
	},

	{
		name: "R1: nobody waits for a lease that was broken",
		edit: edit{
			file: "lease/break.go",
			old:  "Length: time.Duration(now.Length),",
			new:  "Length: time.Duration(now.Length) / 4,",
		},
	},

	{
		name: "R1: what no write will prove counts to the answer",
		edit: edit{
			file: "lease/manager.go",
			old:  "return c.stateAfter(c.proven)",
			new:  "return c.stateAfter(c.idle)",
		},
	},
	{
		name: "R1: an older answer replaces a newer sighting",
		edit: edit{
			file: "lease/watch.go",
			old:  "if s.version != \"\" && l.sent.Mono < s.sent {",
			new:  "if false {",
		},
	},
	{
		name: "Break: what was broken is broken again",
		edit: edit{
			file: "lease/break.go",
			old:  "case now.broken(), now.shown()",
			new:  "case now.shown()",
		},
	},
	{
		name: "Acquire: who lost a race to an unclear answer does not say who won",
		edit: edit{
			file: "lease/protocol.go",
			old:  "	if !looked || now.ID == id",
			new:  "	if !looked || looked || now.ID == id",
		},
	},

	// R7
	{
		name: "R7: a standby looks twice",
		edit: edit{
			file: "lease/protocol.go",
			old:  "	if seen.state() == Held {",
			new:  "	if seen.state() == Held {\n		if seen, err = m.load(ctx, req.Name); err != nil {\n			return Lease{}, err\n		}",
		},
	},
	{
		name: "R7: a renewal looks first",
		edit: edit{
			file: "lease/protocol.go",
			old:  "	ours := held.record()\n	ours.Renewed",
			new:  "	if _, err := m.load(ctx, held.Name); err != nil {\n		return Lease{}, err\n	}\n	ours := held.record()\n	ours.Renewed",
		},
	},

	// R8 and the runner
	{
		name: "R8: Check still holds after the release",
		edit: edit{
			file: "term.go",
			old:  "	t.holding.keeper.End(nil) // R8",
			new:  "	// R8",
		},
	},
	{
		name: "R8: a term outlives the work that was given up",
		edit: edit{
			file: "term.go",
			old:  "		t.holding.keeper.End(nil) // also",
			new:  "		// also",
		},
	},
	{
		name: "R8: a late answer revives a term",
		edit: edit{
			file: "lease/term.go",
			old:  "		if k.outer != nil || k.count() != nil {\n			return\n		}\n		sent = sent.Sample()",
			new:  "		if k.outer != nil {\n			return\n		}\n		if k.count() != nil {\n			k.ended, k.done = nil, make(chan struct{})\n		}\n		sent = sent.Sample()",
		},
	},
	{
		name: "R8: a term is begun whose deadline has passed",
		edit: edit{
			file: "term.go",
			old:  "case lost != nil: // R8",
			new:  "case lost != nil && t.run.mono() < 0: // R8",
		},
	},
	{
		name: "S3: release before the work has returned",
		edit: edit{
			file: "judge.go",
			old:  "	t.run.enter(Stopping, t.holding.held.Token, cause)",
			new:  "	t.run.enter(Stopping, t.holding.held.Token, cause)\n	_ = t.holding.release()",
		},
	},
	{
		name: "C1: a RunOnce whose looks fail at once looks again at once",
		edit: edit{
			file: "once.go",
			old:  "		wait = max(wait, min(usual, r.backoff(failed)))",
			new:  "		_ = r.backoff(failed)",
		},
	},
	{
		name: "L1: a standby waits its interval, although it knows when the lease expires",
		edit: edit{
			file: "look_budget.go",
			old:  "	if free > 0 && free <= wait {",
			new:  "	if free < 0 {",
		},
	},
}
