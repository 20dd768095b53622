package fleet

import (
	"fmt"
	"slices"
	"strings"
)

// advance makes the next plan of the one that was sent last, and publishes it, unless it changes nothing and need not (must). If it is too
// long for the lease, what can wait is left out, and that is reported: what becomes of the nodes, and of parts that leave the list, waits
// neither for balance nor for an operator nor for a longer list (F8, F10). If none fits, the old plan stays.
func (n *node) advance(o *office, s situation, must bool) (unplaced []string) {
	var tooLong error // of the whole plan
	doing := "publishing the plan"
	for _, a := range attempts(s) {
		var next *plan
		next, unplaced = n.opts.assign(o.base, a.situation)
		if next == nil && must {
			next = o.base.clone()
			next.Epoch++
		}
		var err error
		if next != nil {
			err = n.publish(o, next)
		}
		if tooLong == nil {
			tooLong = err
		}
		if err == nil {
			if len(a.without) > 0 {
				if s.HasList && !a.HasList {
					doing = "listing the parts"
				}
				n.trouble(doing, fmt.Errorf("this waits: %s: the plan with it does not fit: %w", strings.Join(a.without, ", "), tooLong))
			}
			return unplaced
		}
	}
	n.trouble(doing, tooLong)
	return unplaced
}

// An attempt is a situation without some of what can wait.
type attempt struct {
	situation
	without []string
}

// attempts returns the situation, and then with less and less in it. The hints go only with the balance: they are there to save newcomers some
// requests, and make room for the givers of parts that leave their nodes.
func attempts(s situation) []attempt {
	all := []attempt{{situation: s}}
	if s.Balance {
		all = append(all, all[0].less("balance", func(a *attempt) { a.Balance = false }))
	}
	if len(s.Seated) > 0 {
		all = append(all, all[len(all)-1].less("hints for newcomers", func(a *attempt) { a.Seated = nil }))
	}
	leave := func(what string, out func(*attempt)) {
		for _, a := range slices.Clone(all) {
			all = append(all, a.less(what, out))
		}
	}
	if len(s.Moves) > 0 {
		leave("what operators ask for", func(a *attempt) { a.Moves = nil })
	}
	if s.HasList {
		leave("the list of parts, which stays as it is", func(a *attempt) { a.HasList = false })
	}
	return all
}

// less returns the attempt without something.
func (a attempt) less(what string, out func(*attempt)) attempt {
	a.without = append(slices.Clone(a.without), what)
	out(&a)
	return a
}
