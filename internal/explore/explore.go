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

// A Bound limits what is explored.
type Bound struct {
	Nodes        int  // 2 or 3
	Acquisitions int  // once Acquire has succeeded so many times, no node calls it again
	Faults       int  // along one path
	Steps        int  // of time in a lease's length: 3 to 9
	Ages         bool // the store knows how old a record is
	Values       bool // each term changes the lease's value once
	MaxStates    int  // exploration stops at so many; 0: no limit
	MaxDepth     int  // longer paths are not followed; 0: no limit
}

// A Result says what an exploration found.
type Result struct {
	Bound       Bound
	States      int // different ones, faults not counted
	Transitions int
	Depth       int // the greatest distance of a state from the first
	Locals      int // different states of single processes
	Replays     int // how often the real code was run again to restore a state
	Exhausted   bool
	Broken      error    // the promise that is broken; nil if none was found to be
	Path        []string // the shortest path to the broken promise
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

// explorer goes through all states in breadth-first order.
type explorer struct {
	Bound
	flaws
	shapes  *shapes
	locals  map[kind]*locals
	exact   bool // no two histories count as one state
	tell    func(format string, args ...any)
	visit   func(s *state)                                // is called with every state, concurrently
	moved   func(of uint8, from *local, e event, m *move) // is called with everything that happens to a process
	visited [shards]map[[2]uint64]uint8                   // the fewest faults with which each state was reached
	trail   [][]link                                      // how each state was reached, by depth
}

// shards is the number of parts of visited: one worker at a time writes to each.
const shards = 64

// link says how a state was reached: from which state of the depth before, and by which choice.
type link struct {
	parent int32
	choice choice
}

// found is a state that was reached. It is not kept, but made again where it is needed. That is cheaper, as most states have
// been reached before.
type found struct {
	link
	faults uint8
	key    [2]uint64
}

// Explore goes through all that can happen within the bound, on all processors, until a promise is broken. It reports progress
// to tell, which may be nil.
func Explore(b Bound, tell func(format string, args ...any)) Result {
	return newExplorer(b, flaws{}, tell).run()
}

func newExplorer(b Bound, f flaws, tell func(format string, args ...any)) *explorer {
	x := &explorer{Bound: b, flaws: f, tell: tell, locals: map[kind]*locals{}, shapes: &shapes{values: b.Values, text: map[uint32]string{}}}
	for i := range x.visited {
		x.visited[i] = map[[2]uint64]uint8{}
	}
	return x
}

// first returns the state in which all begins.
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

// part has the findings of one worker in a part of a level.
type part struct {
	found       [shards][]found
	transitions int
	counts      map[string]int
	broken      error
	link        link // to the state in which it is broken
}

// expand takes all choices in the states of a level. The parts are in the order of the level, however many workers there are,
// so the result is always the same.
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

// count notes what a choice exercised.
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

// new reports whether the state was not yet reached with as few faults.
func (x *explorer) new(k [2]uint64, faults uint8) bool {
	fewest, known := x.visited[k[0]%shards][k]
	return x.exact || !known || faults < fewest
}

// merge makes the next level from what was found, and returns how many of its states were reached for the first time.
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

// parallel calls do n times, on all processors.
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

// path tells what happened, from the beginning to the last link.
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

// line puts a choice and its effect into words.
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
