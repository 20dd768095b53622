package explore

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// event is what happens to one process, with its names as its local state numbers them; those that it does not know have
// the numbers after.
type event struct {
	what  what
	reply reply
}

// local is a state of one process: all histories after which it will do the same. It is known by one of them, of which it
// can be brought about again.
type local struct {
	*locals
	hash   [2]uint64
	parent *local // nil: a new process
	by     event  // from the parent, with the parent's numbers
	names  []name // those that are in the state, as this history has them

	may     []what
	asks    bool
	request request // what it waits for, in the state's own numbers
	holds   bool    // Check is nil
	fresh   bool    // it is as a new process
	point   point
	asleep  bool
	token   uint8 // of its lease
	id      name  // likewise
	text    string

	mu    sync.Mutex
	leads map[event]*move
}

// move is what an event does to a process.
type move struct {
	to       *local
	from     []name // where each name of the new state comes from: a number in the old, or in the event; fresh from there on
	gaveUp   bool   // what it waited for
	acquired bool
	began    bool
	lost     bool
	strange  error
}

// locals are the states that processes on one kind of machine get into. It is safe for concurrent use.
type locals struct {
	kind   kind
	flaws  flaws
	shapes *shapes
	length time.Duration
	exact  bool // no two histories are the same state

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

// number of a name in the state, as a history has it; or that after all if it is not there.
func number(names []name, n name) name {
	for i, known := range names {
		if known == n {
			return name(i)
		}
	}
	return name(len(names))
}

// state returns the state that the process is in, which was brought about by an event.
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

// numbered is the memory of the process with its names numbered in the order of their appearance, and those names.
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

// play brings the state about again, in a new process.
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

// feed lets an event happen to a process in this state and of its history, whose names are those of the history. Names that
// are new come from the numbers that a process draws.
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

// try feeds an event to a process of which nothing is known yet.
func (l *local) try(p *process, e event) (fresh []name, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return l.feed(p, e), nil
}

// after returns what an event does.
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

// origins says where in before each name comes from; those that are not there are numbered from its end on.
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

// hashText is FNV-1a, twice, from different beginnings: always the same, also in another run.
func hashText(text string) [2]uint64 {
	a, b := uint64(14695981039346656037), uint64(0x9e3779b97f4a7c15)
	for i := range len(text) {
		a = (a ^ uint64(text[i])) * 1099511628211
		b = (b ^ uint64(text[i])) * 0x880355f21e6d1965
		b ^= b >> 29
	}
	return [2]uint64{a, b}
}
