package fleet

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cloudlease/leader/lease"
)

const (
	maxPins    = 1 << 12 // of one plan
	maxPinText = 8 << 10 // bytes of them, packed: the rest of the value is for the parts
)

// A pin keeps a part with a node, named by its ID, for as long as the node is there: an operator wants it so. A part off the list loses
// its pin.
type pin struct{ Part, Node string }

func (p pin) compare(part string) int { return strings.Compare(p.Part, part) }

// pinned returns the node that a part is pinned to; empty: to none.
func (p *plan) pinned(part string) string {
	if i, found := slices.BinarySearchFunc(p.Pins, part, pin.compare); found {
		return p.Pins[i].Node
	}
	return ""
}

func validPins(pins []pin) error {
	if len(pins) > maxPins {
		return fmt.Errorf("%d parts are pinned to nodes, more than %d", len(pins), maxPins)
	}
	for i, p := range pins {
		if i > 0 && p.Part <= pins[i-1].Part {
			return fmt.Errorf("part %q is pinned twice, or out of order", p.Part)
		}
		for _, name := range []string{p.Part, p.Node} {
			if err := lease.CheckName(name); err != nil {
				return fmt.Errorf("what is pinned: %w", err)
			}
		}
	}
	return nil
}

// roomFor returns why a plan cannot have so many pins, in any order; nil if it can.
func roomFor(pins []pin) error {
	slices.SortFunc(pins, func(a, b pin) int { return strings.Compare(a.Part, b.Part) })
	if err := validPins(pins); err != nil {
		return err
	}
	_, err := pinText(pins)
	return err
}

// pinText returns the text of valid pins in a plan.
func pinText(pins []pin) (string, error) {
	text, err := pack(packPins(pins))
	if err == nil && len(text) > maxPinText {
		err = fmt.Errorf("its pins take %d bytes, more than %d", len(text), maxPinText)
	}
	return text, err
}

// packPins packs valid pins: the nodes, each with its parts.
func packPins(pins []pin) []byte {
	if len(pins) == 0 {
		return nil
	}
	parts := map[string][]string{}
	for _, p := range pins {
		parts[p.Node] = append(parts[p.Node], p.Part)
	}
	data := binary.AppendUvarint(nil, uint64(len(parts)))
	for _, node := range slices.Sorted(maps.Keys(parts)) {
		data = binary.AppendUvarint(data, uint64(len(node)))
		data = appendNames(append(data, node...), parts[node])
	}
	return data
}

// unpackPins reads what packPins has packed.
func unpackPins(data []byte) (pins []pin, err error) {
	if len(data) == 0 {
		return nil, nil
	}
	r := &reader{rest: data}
	for range r.number(maxPins) {
		node := r.text()
		for _, part := range r.names() {
			pins = append(pins, pin{part, node})
		}
		if r.err != nil || len(pins) > maxPins {
			break
		}
	}
	slices.SortFunc(pins, func(a, b pin) int { return cmp.Or(strings.Compare(a.Part, b.Part), strings.Compare(a.Node, b.Node)) })
	return pins, r.end()
}

// wished passes on what somebody asks of this node.
func (n *node) wished(w lease.Wish) {
	n.inbox.post(func() {
		switch w.Kind {
		case WishDrain:
			n.retire()
		case WishResume:
			n.goOn()
		case wishMove:
			if m, err := parseMove(w.For); err != nil {
				n.trouble("coordinating", err)
			} else {
				n.move(m)
			}
		}
	})
}

// move takes what an operator asks of the coordinator: the next plan has it.
func (n *node) move(m pin) {
	if o := n.office; o != nil {
		o.moves, o.stale, o.news = append(o.moves, m), true, true
	}
}

// pin takes what operators want. A part that is off the list, or is not known, is not pinned.
func (d draft) pin(s *situation) {
	for _, m := range s.Moves {
		i, found := slices.BinarySearchFunc(d.Pins, m.Part, pin.compare)
		if found {
			d.Pins = slices.Delete(d.Pins, i, i+1)
		}
		if m.Node != "" {
			d.Pins = slices.Insert(d.Pins, i, m)
		}
	}
	d.Pins = slices.DeleteFunc(d.Pins, func(p pin) bool {
		e, found := d.find(p.Part)
		return !found || e.Off
	})
}

// notePins notes who receives by the name of each node, and which parts are pinned.
func (v *division) notePins(s *situation) {
	if len(v.Pins) == 0 {
		return
	}
	v.home, v.called, v.asked = map[int]string{}, map[string][]*receiver{}, map[int]bool{}
	for _, r := range v.receivers {
		if r.Node != "" {
			v.called[r.Node] = append(v.called[r.Node], r)
		}
	}
	i := 0
	for _, p := range v.Pins {
		for v.Parts[i].Part != p.Part {
			i++
		}
		v.home[i] = p.Node
		v.asked[i] = slices.Contains(s.Moves, p)
	}
}

// isHome reports whether a part is pinned to the receiver's node.
func (v *division) isHome(i int, r *receiver) bool {
	node, pinned := v.home[i]
	return pinned && r != nil && r.Node == node
}

// homeOf returns the receiver that is to have a pinned part: among several of one name the neediest that has room. It is nil if there is
// none, or if the part is not pinned.
func (v *division) homeOf(i int) *receiver {
	var best *receiver
	for _, r := range v.called[v.home[i]] {
		if !r.full() && (best == nil || neediest(r, best) < 0) {
			best = r
		}
	}
	return best
}

// placePinned gives those of the parts that are pinned to their nodes, and returns the others.
func (v *division) placePinned(parts []int) []int {
	return slices.DeleteFunc(parts, func(i int) bool {
		to := v.homeOf(i)
		if to == nil {
			return false
		}
		v.owners[i] = to.session
		to.load++
		to.pinned++
		return true
	})
}

// settlePins moves pinned parts to their nodes: those that were asked for now, and all when it is calm. When it is calm, a full node gives a
// part that is not pinned to it in exchange.
func (v *division) settlePins(calm bool) {
	for again := true; again; {
		again = false
		for i := range v.Parts {
			if from := v.strays(i, calm); from != nil {
				if to := v.homeOf(i); to != nil {
					v.goHome(i, from, to)
					again = true
				}
			}
		}
		again = again || calm && v.exchange()
	}
}

// strays returns the receiver that has a part, if the part is to move to the node that it is pinned to; else nil. It is nil for an owner that
// is no member, too: nothing certain is known of it.
func (v *division) strays(i int, calm bool) *receiver {
	if _, pinned := v.home[i]; !pinned || !calm && !v.asked[i] {
		return nil
	}
	if r := v.members[v.owners[i]]; r != nil && !v.isHome(i, r) {
		return r
	}
	return nil
}

func (v *division) goHome(i int, from, to *receiver) {
	v.owners[i] = to.session
	from.load--
	to.load++
	to.pinned++
}

// exchange lets one pinned part change places with another one, whose node is full.
func (v *division) exchange() bool {
	for i := range v.Parts {
		from := v.strays(i, true)
		if from == nil {
			continue
		}
		for _, to := range v.called[v.home[i]] {
			j := v.movable(to, from)
			if j < 0 {
				continue
			}
			v.owners[j] = from.session
			to.load--
			from.load++
			if v.isHome(j, from) {
				from.pinned++
			}
			v.goHome(i, from, to)
			return true
		}
	}
	return false
}

// movable returns a part of the receiver that is not pinned to it, one that is pinned to the other if there is one; -1: there is none.
func (v *division) movable(of, other *receiver) int {
	found := -1
	for j, owner := range v.owners {
		if owner == of.session && !v.isHome(j, of) {
			if found = j; v.isHome(j, other) {
				break
			}
		}
	}
	return found
}
