package simulate

import "slices"

// Shrink removes as much from a plan as it can while its world still breaks a promise in no more steps. It calls run, which
// runs a plan, at most 300 times.
func Shrink(broken Result, run func(Plan) Result) Result {
	for tries := 300; ; {
		smaller, ok := shrinkOnce(broken, run, &tries)
		if !ok {
			return broken
		}
		broken = smaller
	}
}

// shrinkOnce returns the first smaller world that is broken, too.
func shrinkOnce(broken Result, run func(Plan) Result, tries *int) (Result, bool) {
	for _, plan := range smaller(broken.Plan) {
		if *tries--; *tries < 0 {
			return broken, false
		}
		if r := run(plan); r.Broken != nil && r.Steps <= broken.Steps {
			return r, true
		}
	}
	return broken, false
}

// smaller returns plans that each have one thing less.
func smaller(p Plan) (plans []Plan) {
	with := func(change func(*Plan)) {
		q := p
		q.Events, q.Machines, q.Chances = slices.Clone(p.Events), slices.Clone(p.Machines), slices.Clone(p.Chances)
		change(&q)
		plans = append(plans, q)
	}
	if last := len(p.Machines) - 1; last > 1 {
		with(func(q *Plan) {
			q.Machines = q.Machines[:last]
			q.Events = slices.DeleteFunc(q.Events, func(e Event) bool { return e.Machine == last })
		})
	}
	if p.Duration > p.Length {
		with(func(q *Plan) {
			q.Duration /= 2
			q.Events = slices.DeleteFunc(q.Events, func(e Event) bool { return e.At > q.Duration })
		})
	}
	for i := range p.Chances {
		with(func(q *Plan) { q.Chances = slices.Delete(q.Chances, i, i+1) })
	}
	if p.Latency != 0 {
		with(func(q *Plan) { q.Latency = 0 })
	}
	if s := p.Settings; s.StopMargin+s.StopTimeout+s.HoldAtLeast != 0 {
		with(func(q *Plan) { q.StopMargin, q.StopTimeout, q.HoldAtLeast = 0, 0, 0 })
	}
	if p.Sources > 0 {
		with(func(q *Plan) { q.Sources = 0 })
	}
	if p.Apart || p.Crowded || p.WriteEvery > 0 {
		with(func(q *Plan) { q.Apart, q.Crowded, q.WriteEvery = false, false, 0 })
	}
	for i := range p.Events {
		with(func(q *Plan) { q.Events = slices.Delete(q.Events, i, i+1) })
	}
	for i := range p.Machines {
		if p.Machines[i].Skew != 0 {
			with(func(q *Plan) { q.Machines[i].Skew = 0 })
		}
		if p.Machines[i].Rate != 1 {
			with(func(q *Plan) { q.Machines[i].Rate = 1 })
		}
		if p.Machines[i].Ailment != nil {
			with(func(q *Plan) { q.Machines[i].Ailment = nil })
		}
		if m := p.Machines[i]; m.Slew != 0 || m.Tick != 0 {
			with(func(q *Plan) { q.Machines[i].Slew, q.Machines[i].Tick = 0, 0 })
		}
	}
	return plans
}
