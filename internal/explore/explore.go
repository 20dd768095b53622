package explore

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Bound is how far is explored.
type Bound struct {
	Nodes        int  // 2 or 3
	Acquisitions int  // Acquire is not called again once it has succeeded so often
	Faults       int  // in all, along one path
	Steps        int  // that a lease's length has: 3 to 9
	Ages         bool // the store tells Age
	MaxStates    int  // more are cut off; 0: none
	MaxDepth     int  // longer paths are cut off; 0: none
}

// A Result is what an exploration found.
type Result struct {
	Bound       Bound
	States      int // different ones, whatever faults befell
	Transitions int
	Depth       int // of the longest of the shortest paths
	Locals      int // states that one process can get into
	Replays     int // of the real code
	Exhausted   bool
	Broken      error    // the promise that is; nil if none was found to be
	Path        []string // the shortest way there
	Counts      map[string]int
	Took        time.Duration
}

func (r Result) String() string {
	exhausted := "yes"
	if !r.Exhausted {
		exhausted = fmt.Sprintf("no, cut at depth %d", r.Depth)
	}
	return fmt.Sprintf("%d nodes, %d acquisitions, %d faults, %d steps a lease, ages told: %v\n"+
		"exhausted: %s; %d states, %d transitions, depth %d, %.1fs, %.0f states/s; %d states of single nodes, %d replays of their code",
		r.Bound.Nodes, r.Bound.Acquisitions, r.Bound.Faults, r.Bound.Steps, r.Bound.Ages, exhausted, r.States, r.Transitions,
		r.Depth, r.Took.Seconds(), float64(r.States)/r.Took.Seconds(), r.Locals, r.Replays)
}

// explorer goes through all states, those first that are reached by fewer choices.
type explorer struct {
	Bound
	flaws
	shapes  *shapes
	locals  map[kind]*locals
	exact   bool // no state is taken for the same as another
	tell    func(format string, args ...any)
	visit   func(s *state)                                // is told of every state, concurrently
	moved   func(of uint8, from *local, e event, m *move) // is told what happens to a process
	visited [shards]map[[2]uint64]uint8                   // the fewest faults with which the state was reached
	trail   [][]link                                      // by depth
}

// shards of what was visited: each is written by one worker at a time.
const shards = 64

// link is how a state was reached: from which of the states of the depth before, and by what.
type link struct {
	parent int32
	choice choice
}

// found is a state that was reached. It is made again by whoever needs it, which is cheaper than to keep it: most have been
// reached before.
type found struct {
	link
	faults uint8
	key    [2]uint64
}

// Explore goes through all that can happen within the bound, on all processors, until a promise is broken. tell is told how
// it goes; it may be nil.
func Explore(b Bound, tell func(format string, args ...any)) Result {
	return newExplorer(b, flaws{}, tell).run()
}

func newExplorer(b Bound, f flaws, tell func(format string, args ...any)) *explorer {
	x := &explorer{Bound: b, flaws: f, tell: tell, locals: map[kind]*locals{}, shapes: &shapes{text: map[uint32]string{}}}
	for i := range x.visited {
		x.visited[i] = map[[2]uint64]uint8{}
	}
	return x
}

// first is the state in which all begins.
func (x *explorer) first() (s state) {
	for i, k := range kinds[:x.Nodes] {
		if x.locals[k] == nil {
			x.locals[k] = newLocals(k, x.flaws, x.shapes, time.Duration(x.Steps)*step, x.exact)
		}
		s.nodes[i] = node{local: x.locals[k].start}
	}
	return s
}

func (x *explorer) run() Result {
	begun := time.Now()
	r := Result{Bound: x.Bound, Counts: map[string]int{}}
	level := []state{x.first()}
	x.trail = [][]link{{{parent: -1}}}
	r.States = 1
	k := level[0].key()
	x.visited[k[0]%shards][k] = 0
	if x.visit != nil {
		x.visit(&level[0])
	}
	for len(level) > 0 && r.Broken == nil {
		if x.MaxDepth > 0 && r.Depth >= x.MaxDepth || x.MaxStates > 0 && r.States >= x.MaxStates {
			break
		}
		parts := x.expand(level)
		for _, p := range parts {
			r.Transitions += p.transitions
			for what, n := range p.counts {
				r.Counts[what] += n
			}
			if p.broken != nil && r.Broken == nil {
				r.Broken, r.Path = p.broken, x.path(p.link)
			}
		}
		var fresh int
		if level, fresh = x.merge(level, parts); len(level) > 0 {
			r.Depth++
		}
		r.States += fresh
		if x.tell != nil && r.Depth%10 == 0 {
			x.tell("depth %d: %d states, %d to go on from, %.0fs", r.Depth, r.States, len(level), time.Since(begun).Seconds())
		}
	}
	r.Exhausted = len(level) == 0 && r.Broken == nil
	for _, l := range x.locals {
		r.Locals += len(l.known)
		r.Replays += int(l.replays.Load())
	}
	r.Took = time.Since(begun)
	return r
}

// part is what one worker found in a part of a level.
type part struct {
	found       [shards][]found
	transitions int
	counts      map[string]int
	broken      error
	link        link // to what breaks it
}

// expand does all that may happen in the states of a level. The parts are in the order of the level, however many workers
// there are: so the result is always the same.
func (x *explorer) expand(level []state) []*part {
	parts := make([]*part, min(len(level), 8*runtime.GOMAXPROCS(0)))
	parallel(len(parts), func(i int) {
		parts[i] = x.expandPart(level, i*len(level)/len(parts), (i+1)*len(level)/len(parts))
	})
	return parts
}

func (x *explorer) expandPart(level []state, from, to int) *part {
	p := &part{counts: map[string]int{}}
	var all []choice
	for i := from; i < to; i++ {
		all = x.choices(&level[i], all[:0])
		for _, c := range all {
			next, l := level[i], link{int32(i), c}
			err := x.take(&next, c)
			p.count(&level[i], c, &next)
			if err != nil {
				p.broken, p.link = err, l
				return p
			}
			k := next.key()
			if shard := k[0] % shards; x.new(k, next.faults) {
				p.found[shard] = append(p.found[shard], found{l, next.faults, k})
			}
		}
	}
	return p
}

// count notes what is exercised.
func (p *part) count(before *state, c choice, after *state) {
	p.transitions++
	p.counts[c.what.String()]++
	was, is := before.cell, after.cell
	switch {
	case was == is:
	case c.what == lands:
		p.counts["late writes"]++
	case was.missing() || is.missing() || is.token == was.token:
	case was.released:
		p.counts["takeovers after a release"]++
	default:
		p.counts["takeovers after expiry"]++
	}
	if c.what == answered && before.nodes[c.of].reply.conflict {
		p.counts["conflicts"]++
	}
}

// new says that the state was not reached yet with as few faults.
func (x *explorer) new(k [2]uint64, faults uint8) bool {
	fewest, known := x.visited[k[0]%shards][k]
	return x.exact || !known || faults < fewest
}

// merge makes the next level of what was found, and says how many states were reached for the first time.
func (x *explorer) merge(level []state, parts []*part) (next []state, fresh int) {
	var links [shards][]link
	var firsts [shards]int
	parallel(shards, func(shard int) {
		visited := x.visited[shard]
		for _, p := range parts {
			for _, f := range p.found[shard] {
				if !x.new(f.key, f.faults) {
					continue
				}
				if _, known := visited[f.key]; !known {
					firsts[shard]++
				}
				visited[f.key] = f.faults
				links[shard] = append(links[shard], f.link)
			}
		}
	})
	trail := slices.Concat(links[:]...)
	for _, n := range firsts {
		fresh += n
	}
	x.trail = append(x.trail, trail)
	next = make([]state, len(trail))
	pieces := min(len(trail), 8*runtime.GOMAXPROCS(0))
	parallel(pieces, func(piece int) {
		for i := piece * len(trail) / pieces; i < (piece+1)*len(trail)/pieces; i++ {
			next[i] = level[trail[i].parent]
			_ = x.take(&next[i], trail[i].choice)
			if x.visit != nil {
				x.visit(&next[i])
			}
		}
	})
	return next, fresh
}

// parallel does n things on all processors.
func parallel(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}

// path tells how it came about, from the beginning.
func (x *explorer) path(last link) (lines []string) {
	choices := []choice{last.choice}
	for depth := len(x.trail) - 1; depth > 0; depth-- {
		last = x.trail[depth][last.parent]
		choices = append([]choice{last.choice}, choices...)
	}
	s, now := x.first(), 0
	for _, c := range choices {
		before := s
		err := x.take(&s, c)
		if c.what == aStep {
			now++
		}
		lines = append(lines, fmt.Sprintf("%4.1f lengths  %s", float64(now)/float64(x.Steps), x.line(&before, c, &s)))
		if err != nil {
			lines = append(lines, "             "+err.Error())
		}
	}
	return lines
}

// line is a choice in words.
func (x *explorer) line(before *state, c choice, after *state) string {
	var b strings.Builder
	switch c.what {
	case aStep, lands:
		b.WriteString(c.what.String())
	default:
		fmt.Fprintf(&b, "node %d: %v", c.of, c.what)
	}
	n := &after.nodes[c.of]
	switch c.what {
	case arrives, repeats, lands:
		if before.cell != after.cell && before.cell.named(func(name) name { return 0 }) == after.cell.named(func(name) name { return 0 }) {
			b.WriteString(", and is written")
		} else if after.cell.missing() && !before.cell.missing() {
			b.WriteString(", and the record is deleted")
		} else if after.cell.shape != before.cell.shape {
			fmt.Fprintf(&b, ": the record now has token %d, released: %v", after.cell.token, after.cell.released)
		} else if c.what != lands && n.reply.conflict {
			b.WriteString(": conflict")
		} else if c.what == arrives && !n.request.swap {
			fmt.Fprintf(&b, ": it reads token %d, released: %v", n.reply.record.token, n.reply.record.released)
		}
	default:
		for i := range x.Nodes {
			if a, b0 := &before.nodes[i], &after.nodes[i]; a.holds != b0.holds {
				verb := "begins to hold"
				if a.holds {
					verb = "no longer holds"
				}
				fmt.Fprintf(&b, "; Check %s on node %d (token %d)", verb, i, max(a.token, b0.token))
			}
		}
	}
	return b.String()
}
