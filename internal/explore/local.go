package explore

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// event is something that happens to one process. Its names are the numbers that they have in the process's local state;
// names that the state does not have get the numbers after those.
type event struct {
	what  what
	reply reply
}

// local is a state of one process. It stands for all histories after which the process does the same, and is kept as one of
// them, from which it can be restored.
type local struct {
	*locals
	hash   [2]uint64
	parent *local // nil for a new process
	by     event  // the event that led here from the parent, in the parent's numbers
	names  []name // the names in the state, as this history has them

	may     []what
	asks    bool
	request request // the request that it waits for, in the state's own numbers
	holds   bool    // Check is nil
	fresh   bool    // it is like a new process
	point   point
	asleep  bool
	token   uint8 // of its lease
	id      name  // of its lease
	text    string

	mu    sync.Mutex
	leads map[event]*move
}

// move is the effect of an event on a process.
type move struct {
	to       *local
	from     []name // of each name in the new state: its number in the old state or in the event; those after are new
	gaveUp   bool   // the process has given up the request that it waited for
	acquired bool
	began    bool
	lost     bool
	strange  error
}

// locals are the states of processes on one kind of machine. It is safe for concurrent use.
type locals struct {
	kind   kind
	flaws  flaws
	shapes *shapes
	length time.Duration
	exact  bool // no two histories count as one state

	mu      sync.Mutex
	known   map[[2]uint64]*local
	start   *local
	replays atomic.Int64
}

func newLocals(k kind, f flaws, s *shapes, length time.Duration, exact bool) *locals {
	ls := &locals{kind: k, flaws: f, shapes: s, length: length, exact: exact, known: map[[2]uint64]*local{}}
	p := ls.process()
	defer p.end()
	ls.start, _ = ls.state(p, nil, event{})
	return ls
}

func (ls *locals) process() *process { return newProcess(ls.kind, ls.flaws, ls.shapes, ls.length) }

// number returns the index of a name in a history's names; len(names) if it is not among them.
func number(names []name, n name) name {
	for i, known := range names {
		if known == n {
			return name(i)
		}
	}
	return name(len(names))
}

// state returns the state that the process is in after the event by, and the names of this history.
func (ls *locals) state(p *process, parent *local, by event) (*local, []name) {
	text, names := p.numbered()
	of := text
	if ls.exact && parent != nil {
		of = fmt.Sprintf("%s after %v at %x", text, by, parent.hash)
	}
	h := hashText(of)
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if known, ok := ls.known[h]; ok {
		if known.text != text {
			panic("explore: two states of one hash")
		}
		return known, names
	}
	l := &local{
		locals: ls, hash: h, parent: parent, by: by, names: names, text: text, may: p.may(), holds: p.holds(),
		fresh: ls.start == nil || text == ls.start.text, point: p.point, asleep: p.asleep, token: uint8(p.held.Token), leads: map[event]*move{},
	}
	if p.asks != nil {
		l.asks = true
		here := func(n name) name { return number(names, n) }
		l.request = request{swap: p.asks.swap, old: p.asks.old.named(here), data: p.asks.data.named(here)}
	}
	if p.held.ID != "" {
		n, _ := parseName(p.held.ID)
		l.id = number(names, n)
	}
	if len(names) > maxNames {
		panic(fmt.Sprintf("explore: more than %d names in %s", maxNames, text))
	}
	ls.known[h] = l
	return l, names
}

// numbered returns the memory of the process with its names numbered in the order of their appearance, and those names.
func (p *process) numbered() (text string, names []name) {
	text = rename(p.memory(), func(n name) int {
		i := number(names, n)
		if int(i) == len(names) {
			names = append(names, n)
		}
		return int(i)
	})
	return text, names
}

// play restores the state in a new process.
func (l *local) play() *process {
	var path []*local
	for a := l; a.parent != nil; a = a.parent {
		path = append(path, a)
	}
	p := l.process()
	for i := len(path) - 1; i >= 0; i-- {
		path[i].parent.feed(p, path[i].by)
	}
	l.replays.Add(1)
	return p
}

// feed lets an event happen to a process that is in this state, and has this history's names. The names that are new come from
// the numbers that a process draws.
func (l *local) feed(p *process, e event) (fresh []name) {
	e.reply.record = e.reply.record.named(func(n name) name {
		if int(n) < len(l.names) {
			return l.names[n]
		}
		for len(l.names)+len(fresh) <= int(n) {
			p.drawn += 2
			fresh = append(fresh, p.drawn/2)
		}
		return fresh[int(n)-len(l.names)]
	})
	p.take(e)
	return fresh
}

// try feeds an event whose effect is not known yet, and returns a panic as an error.
func (l *local) try(p *process, e event) (fresh []name, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return l.feed(p, e), nil
}

// after returns the effect of an event.
func (l *local) after(e event) *move {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m, ok := l.leads[e]; ok {
		return m
	}
	p := l.play()
	waited := p.asks
	fresh, err := l.try(p, e)
	if err != nil {
		m := &move{to: l, from: origins(l.names, l.names), strange: err}
		l.leads[e] = m
		return m
	}
	defer p.end()
	before := append(l.names[:len(l.names):len(l.names)], fresh...)
	m := &move{gaveUp: waited != nil && p.asks != waited && e.what != answered, acquired: p.acquired, began: p.began, lost: p.lost, strange: p.strange}
	to, names := l.state(p, l, e)
	m.to, m.from = to, origins(before, names)
	l.leads[e] = m
	return m
}

// origins returns for each name its number in before. Names that are not in before get the numbers after those, in order.
func origins(before, names []name) (from []name) {
	drawn := name(0)
	for _, n := range names {
		i := number(before, n)
		if int(i) == len(before) {
			i += drawn
			drawn++
		}
		from = append(from, i)
	}
	return from
}

// hashText is FNV-1a, twice, from different offsets. Unlike maphash, it is the same in every run.
func hashText(text string) [2]uint64 {
	a, b := uint64(14695981039346656037), uint64(0x9e3779b97f4a7c15)
	for i := range len(text) {
		a = (a ^ uint64(text[i])) * 1099511628211
		b = (b ^ uint64(text[i])) * 0x880355f21e6d1965
		b ^= b >> 29
	}
	return [2]uint64{a, b}
}
