package main

// runEnd takes out rules for the end of Run, for the health check, and for the pace of requests.
var runEnd = []mutation{
	{
		name: "Run 3: a loss ends Run",
		edit: edit{
			file: "judge.go",
			old:  "	case why == marginReached || why == lostLease:\n		t.logFailure(why, failed)",
			new:  "	case why == marginReached || why == lostLease:\n		return outcome{final: true, err: cause}",
		},
	},
	{
		name: "RunOnce: the lease of a job that is done is held until StopTimeout",
		edit: edit{file: "once.go", old: "t.began+t.opts.holdAtLeast", new: "t.began+min(t.opts.holdAtLeast, t.opts.stopTimeout)"},
	},
	{
		name: "RunOnce: a job that lost its lease counts as done",
		edit: edit{
			file: "judge.go",
			old:  "		return outcome{final: true, err: joined(cause, failed)}",
			new:  "		return outcome{final: true, err: failed}",
		},
	},
	{
		name: "Run 10: a request in flight takes its time at the end",
		edit: edit{file: "request.go", old: "	if r.endBy != 0 {\n		hurry()\n	}\n", new: ""},
	},
	{
		name: "Run 10: a renewal in flight leaves no time for the release",
		edit: edit{file: "request.go", old: "			most /= 2\n", new: ""},
	},
	{
		name: "Run 10: the flush comes before the end is counted",
		edit: edit{file: "term.go", old: "		t.run.left() // the flush is a part of the end\n", new: ""},
	},
	{
		name: "Run 10: the end of a work that panics is not counted",
		edit: edit{file: "judge.go", old: "outcome{final: true, panicked: true, value: res.value}", new: "outcome{panicked: true, value: res.value}"},
	},
	{
		name: "Run 10: the flush takes the whole end",
		edit: edit{file: "flush.go", old: "		atMost, ends = r.left()/2, nil", new: "		atMost, ends = r.left(), nil"},
	},
	{
		name: "Run 10: the flush does not hear of ctx's end",
		edit: edit{file: "flush.go", old: "	ends := r.ctx.Done()\n", new: "	ends := r.ctx.Done()\n	ends = nil\n"},
	},
	{
		name: "Run 1: an answer of the health check to a question of before counts",
		edit: edit{file: "health.go", old: "			if asked {", new: "			if asked || true {"},
	},
	{
		name: "Run 1: a check that hangs fails once for each interval that was missed",
		edit: edit{file: "health.go", old: "	r.leader.probing.due = now + r.opts.renewEvery\n", new: "	r.leader.probing.due += r.opts.renewEvery / 8\n"},
	},
	{
		name: "Run 1: RunOnce takes a lease over without health",
		edit: edit{file: "once.go", old: "	switch err := r.healthy(); {", new: "	switch err := error(nil); {"},
	},
	{
		name: "Run 1: a sick standby does not look",
		edit: edit{file: "campaign.go", old: "			_, _ = r.inspect() // who leads: it does not try\n", new: ""},
	},
	{
		name: "Run 5: a node whose term is over names itself",
		edit: edit{file: "term.go", old: "	t.tell(false)\n	t.holding.lapsed()\n", new: "	t.tell(false)\n"},
	},
	{
		name: "R8: a look revives a term",
		edit: edit{file: "status.go", old: "		seen.State = lease.Expired\n", new: ""},
	},
	{
		name: "WithPatience: a node sits out for longer",
		edit: edit{file: "sitout.go", old: "min(left, r.patience()), r.canInspect()", new: "left, r.canInspect()"},
	},
	{
		name: "C1: a release does not wait for WriteEvery",
		edit: edit{file: "release.go", old: "min(h.wrote+h.opts.limits.WriteEvery-begun, ", new: "min(0, "},
	},
	{
		name: "C1: an undo does not wait for WriteEvery",
		edit: edit{file: "lease/protocol.go", old: " && m.rest(ctx) {", new: " {\n		_ = m.rest"},
	},
	{
		name: "C1: WriteEvery does not count from the acquisition",
		edit: edit{file: "holding.go", old: "max(h.nextAfter(h.asked), h.wrote+r.opts.limits.WriteEvery)", new: "h.nextAfter(h.asked)"},
	},
	{
		name: "C1: renewals come twice as often",
		edit: edit{file: "holding.go", old: "	every := h.opts.renewEvery\n", new: "	every := h.opts.renewEvery / 2\n"},
	},
	{
		name: "C1: a lease that should be free is asked for all the time",
		edit: edit{file: "look_budget.go", old: "		free = max(free, every/wakesPerInterval)\n", new: ""},
	},
	{
		name: "C1: RunOnce looks all the time at a lease that should be free",
		edit: edit{file: "once.go", old: "				failed = 1 //", new: "				failed = 0 //"},
	},
}
