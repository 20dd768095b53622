package simulate

import (
	"time"

	"github.com/cloudlease/leader"
)

// A bequest says whom the release of an acquisition is to name.
type bequest struct {
	id, next string
	made     bool // the lease was released
}

// handsOver lets the leader hand over to the process on a machine, or to nobody who is there: somebody calls StepDown, or an
// operator asks for it, and the next renewal finds that. It returns the process that is to lead next, if that is certain.
func (w *world) handsOver(p *process, after func(why string, do func())) (heir *process) {
	machine := int(w.plan.Seed / 16 % uint64(len(w.machines)+1))
	heir = w.names(p, machine)
	if w.plan.Seed/2%2 == 0 {
		after("it hands over", func() { p.handOver(machine) })
		return heir
	}
	after("it is asked to hand over", func() { go p.askAfter(p.another(machine), 0, 0) })
	w.live(w.time() + stretch(w.plan.RenewEvery) + 6*request)
	return heir
}

// names notes that the leader is about to be told to hand over to the process on a machine, all being well. It returns that
// process if it is certain to lead next: it stands by, no other has its name, and it looks at the lease while the others leave
// it to the one that is named.
func (w *world) names(p *process, machine int) (heir *process) {
	w.mu.Lock()
	w.bequest = bequest{id: p.id, next: p.another(machine)}
	w.mu.Unlock()
	if machine >= len(w.machines) || w.plan.OneName || float64(p.yields()) < fastest*float64(stretch(w.plan.AcquireEvery)+4*request) {
		return nil
	}
	if heir = w.machines[machine].process; heir == nil || heir == p || !heir.alive() || heir.leader.Status().State != leader.Standby {
		return nil
	}
	return heir
}

// judgeBequest checks a release: it names the node that its holder was told to hand over to. The caller holds the lock.
func (w *world) judgeBequest(p *process, r record) {
	if w.bequest.id != r.ID {
		return
	}
	w.bequest.made = true
	if r.Next != w.bequest.next {
		w.breaks("Run 7: %s is to hand over to %s, and its release names %q", p.name, w.bequest.next, r.Next)
	}
}

// inherits checks that the next term is that of the heir, which a release has named; nil: anybody's. A lease that ran out, as the
// work did not stop in time, is anybody's, too.
func (w *world) inherits(heir *process, token uint64, by time.Duration) bool {
	if heir == nil || !w.bequest.made {
		return true
	}
	if !w.expect("L1 of the node that was named", token, by) {
		return false
	}
	w.count("hand-overs to a node that stands by")
	if w.newestBy != heir {
		w.fail("Run 7: a release names %s, which stands by, and %s leads", heir.name, w.newestBy.name)
	}
	return w.broken == nil
}
