package main

// liveness takes out rules that let a healthy node lead.
var liveness = []mutation{
	{
		name: "R3: a renewal is due by the monotonic clock alone",
		edit: edit{
			file: "holding.go",
			old:  "now >= s.at || late(s.since, s.after)",
			new:  "now >= s.at",
		},
	},
	{
		name: "R3: who waits for a renewal to be due does not look at the clocks",
		edit: edit{
			file: "holding.go",
			old:  "		return min(now+lease.SampleEvery, h.next.at)",
			new:  "		return h.next.at",
		},
	},
	{
		name: "Run 7: nobody sits out",
		edit: edit{
			file: "campaign.go",
			old:  "	wait, err := r.sitOut()\n",
			new:  "	var wait time.Duration\n	err := error(nil)\n",
		},
	},
	{
		name: "Run 7: a run forgets that the one before gave the lease up",
		edit: edit{
			file: "run.go",
			old:  "	r.startHeartbeat()\n	if",
			new:  "	r.startHeartbeat()\n	r.leader.rest = rest{}\n	if",
		},
	},
	{
		name: "Run 7: a node that is sick once in a while does not sit out",
		edit: edit{
			file: "sitout.go",
			old:  "	return rest{now + look, t.holding.held}",
			new:  "	return rest{}",
		},
	},
	{
		name: "Run 7: a release that was not acknowledged is taken for one",
		edit: edit{
			file: "sitout.go",
			old:  "	case !released:",
			new:  "	case !released && t.holding.broken:",
		},
	},
	{
		name: "Run 7: StepDown is taken back before a lease length is over",
		edit: edit{
			file: "sitout.go",
			old:  "rest{now + max(t.opts.length, look), t.holding.held}",
			new:  "rest{now + look, t.holding.held}",
		},
	},
	{
		name: "Run 7: who hands over sits out no longer than others",
		edit: edit{file: "sitout.go", old: "	case t.holding.held.Next != \"\":", new: "	case t.holding.held.Next == \"-\":"},
	},
	{
		name: "Run 7: a release names nobody",
		edit: edit{file: "release.go", old: "	h.held.Next = r.leader.nextNode()", new: "	h.held.Next = \"\""},
	},
	{
		name: "Run 7: nobody leaves the lease to the node that was named",
		edit: edit{file: "lease/next.go", old: "left <= 0 {", new: "left <= req.Yield {"},
	},
	{
		name: "L1: an answer that was overtaken has the lease left to the named node once more", deaf: true,
		edit: edit{file: "internal/firstseen/firstseen.go", old: "	if sent >= m.since[name].sent {", new: "	if _, known := m.since[name]; known {"},
	},
	{
		name: "L1: a node that was named and is down is waited for, for ever",
		edit: edit{file: "lease/next.go", old: "req.Yield - c.stood", new: "req.Yield"},
	},
	{
		name: "Run 7: who was broken does not sit out",
		edit: edit{
			file: "sitout.go",
			old:  "	case t.holding.gone && !t.holding.broken:",
			new:  "	case t.holding.gone:",
		},
	},
	{
		name: "Run 7: a node sits out though others have had the lease since",
		edit: edit{
			file: "sitout.go",
			old:  "info.Token > rest.held.Token && !info.NoTerm",
			new:  "info.Token < rest.held.Token",
		},
	},
	{
		name: "StepDown: nothing comes of it while the lease is asked for",
		edit: edit{
			file: "stepdown.go",
			old:  "	l.candidate = l.resumed == nil\n",
			new:  "	l.candidate = false\n",
		},
	},
	{
		name: "Pause: a node that is paused campaigns",
		edit: edit{
			file: "stepdown.go",
			old:  "	return l.resumed\n",
			new:  "	return nil\n",
		},
	},
	{
		name: "Acquire: it waits for longer than its patience",
		edit: edit{
			file: "campaign.go",
			old:  "		wait = min(wait, r.patience())\n",
			new:  "",
		},
	},
	{
		name: "Acquire: a lease that was acquired too late ends the wait",
		edit: edit{
			file: "term.go",
			old:  "t.run.once() && (t.run.kind == oneTry || why != lostLease)",
			new:  "t.run.once()",
		},
	},
	{
		name: "Acquire: Release says nothing of a term that was over",
		edit: edit{
			file: "held.go",
			old:  "		return h.lost\n",
			new:  "		return nil\n",
		},
	},
	{
		name: "RunOnce: a record of unknown age is taken for a living holder's",
		edit: edit{
			file: "campaign.go",
			old:  "		case r.kind == oneTry && held && !by.Info.Timed:",
			new:  "		case r.kind == oneTry && held && r.mono() < 0:",
		},
	},
	{
		name: "RunOnce: a lease that is to be held on is left where nobody can tell its age",
		edit: edit{
			file: "once.go",
			old:  "left = err == nil && seen.Timed",
			new:  "left = err == nil && (seen.Timed || seen.Token > 0)",
		},
	},
	{
		name: "Serve: it returns before the calls that are under way",
		deaf: true,
		edit: edit{
			file: "serve.go",
			old:  "		defer d.calls.Wait()\n",
			new:  "",
		},
	},
	{
		name: "Serve: calls are let in after the term's end",
		deaf: true,
		edit: edit{
			file: "serve.go",
			old:  " || d.term.Check() != nil {",
			new:  " {",
		},
	},
}
