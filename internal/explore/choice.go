package explore

import "fmt"

// what says what can happen.
type what uint8

const (
	nothing what = iota
	aStep        // time passes, everywhere
	// By a node.
	acquires
	renews
	finishes // its work returns
	releases
	leaves // it leaves the lease to run out
	// To a request.
	arrives  // at the store
	answered // at the node
	lands    // a write that was given up arrives at the store
	// Faults.
	fails        // the sender gives the request up; it may have arrived, may arrive later, or never
	repeats      // the request arrives twice, and the second one is answered
	crashes      // another process starts at once
	sleeps       // the machine is suspended
	wakes        // no fault
	stepsForward // the wall clock steps, by more than a lease's length
	stepsBack
	rewinds // the machine is suspended, and its wall clock steps back meanwhile
	whats
)

var phrases = [whats]string{
	aStep: "time passes", acquires: "begins Acquire", renews: "begins Renew", finishes: "the work returns",
	releases: "begins Release", leaves: "leaves the lease to run out", arrives: "its request reaches the store",
	answered: "gets its answer", lands: "a write that was given up reaches the store", fails: "gives its request up",
	repeats: "its request reaches the store twice", crashes: "crashes, and starts anew", sleeps: "is suspended",
	wakes: "wakes", stepsForward: "its wall clock steps forward", stepsBack: "its wall clock steps back",
	rewinds: "is suspended, and its wall clock is stepped back by an hour meanwhile",
}

func (w what) String() string { return phrases[w] }

func (w what) isFault() bool { return w >= fails && w != wakes }

// choice is something that may happen in a state, to a node or to a letter.
type choice struct {
	what what
	of   uint8
}

// choices appends all that may happen in the state, always in the same order.
func (x *explorer) choices(s *state, all []choice) []choice {
	add := func(w what, of int) {
		if !w.isFault() || s.faults < uint8(x.Faults) {
			all = append(all, choice{w, uint8(of)})
		}
	}
	if x.settled(s) {
		return all
	}
	for i := range x.Nodes {
		n := &s.nodes[i]
		for _, w := range n.may {
			if w != acquires || s.acquired < uint8(x.Acquisitions) {
				add(w, i)
			}
		}
		if n.stage == underWay {
			add(arrives, i)
			if n.request.swap {
				add(repeats, i)
			}
		}
		if n.asleep {
			continue
		}
		if n.stage == back {
			add(answered, i)
		}
		if n.stage != none {
			add(fails, i)
		}
		if !n.fresh { // in a fresh process these would change nothing
			add(crashes, i)
			add(sleeps, i)
			add(stepsForward, i)
			add(stepsBack, i)
			if !n.kind.boot { // with a boot clock it is like any sleep
				add(rewinds, i)
			}
		}
	}
	for i := range s.posted {
		add(lands, int(i))
	}
	add(aStep, 0)
	return all
}

// brokenError says which promise is broken.
type brokenError string

func (b brokenError) Error() string { return string(b) }

func broken(format string, args ...any) error { return brokenError(fmt.Sprintf(format, args...)) }

// take lets something happen. It returns the promise that this breaks.
func (x *explorer) take(s *state, c choice) error {
	if c.what.isFault() {
		s.faults++
	}
	var err error
	switch n := &s.nodes[c.of%maxNodes]; c.what {
	case aStep:
		err = x.pass(s)
	case arrives:
		_, err = x.arrive(s, n)
	case repeats:
		var took bool
		if took, err = x.arrive(s, n); took {
			n.reply = reply{conflict: true}
		}
	case answered:
		r := n.reply
		n.stage, n.reply = none, reply{}
		err = x.happens(s, c.of, answered, r)
	case lands:
		l := s.letters[c.of]
		s.drop(c.of)
		if x.accepts(s, l.old) {
			err = x.write(s, l.data, l.age)
		}
	case crashes:
		s.post(n)
		*n = node{local: n.start}
	default:
		err = x.happens(s, c.of, c.what, reply{})
	}
	if both := s.judge(); both != nil { // this says more than S2's error, that the second of them began with an older token
		err = both
	}
	x.retire(s)
	s.prune(x.unconditional)
	s.rename()
	return err
}

// judge checks S1: at most one term holds.
func (s *state) judge() error {
	holds := -1
	for i := range s.nodes {
		if s.nodes[i].local == nil || !s.nodes[i].holds {
			continue
		}
		if holds >= 0 {
			return broken("S1: Check holds on node %d with token %d and on node %d with token %d",
				holds, s.nodes[holds].token, i, s.nodes[i].token)
		}
		holds = i
	}
	return nil
}

// happens lets something happen to a node's process.
func (x *explorer) happens(s *state, of uint8, w what, r reply) error {
	n := &s.nodes[of]
	numbered, names := n.in(r)
	e := event{what: w, reply: numbered}
	m := n.after(e)
	if x.moved != nil {
		x.moved(of, n.local, e, m)
	}
	if m.gaveUp {
		s.post(n)
		n.stage, n.reply = none, reply{}
	}
	if m.lost && s.cell.id() == n.bind(n.id) && !s.cell.missing() && !s.cell.released {
		return broken("R4: node %d is told that its lease with token %d is lost, and the record is still its own", of, n.token)
	}
	next := node{local: m.to, stage: n.stage, reply: n.reply, age: n.age}
	drawn := name(0)
	for i, from := range m.from {
		if int(from) < len(names) {
			next.names[i] = names[from]
		} else {
			next.names[i] = s.names + drawn
			drawn++
		}
	}
	s.names += drawn
	if next.stage == none && next.asks {
		next.stage, next.age = underWay, 0
	}
	*n = next
	if m.strange != nil {
		return broken("node %d: %v", of, m.strange)
	}
	if m.acquired {
		s.acquired++
	}
	if !m.began {
		return nil
	}
	if n.token <= s.newest {
		return broken("S2: node %d begins a term with token %d, and there was one with token %d", of, n.token, s.newest)
	}
	s.newest = n.token
	return nil
}

// pass lets a step of time pass on all machines.
func (x *explorer) pass(s *state) error {
	if x.Ages {
		older := func(age *uint8) { *age = min(*age+1, uint8(x.Steps)) } // no age beyond a lease's length makes a difference
		if !s.cell.missing() {
			older(&s.age)
		}
		for i := range s.letters[:s.posted] {
			older(&s.letters[i].age)
		}
		for i := range x.Nodes {
			if n := &s.nodes[i]; n.stage == underWay && n.request.swap {
				older(&s.nodes[i].age)
			}
		}
	}
	for i := range x.Nodes {
		if err := x.happens(s, uint8(i), aStep, reply{}); err != nil {
			return err
		}
	}
	return nil
}

// post makes a letter of the node's request, which the node gives up, if that is a write that has not arrived.
func (s *state) post(n *node) {
	if n.stage != underWay || !n.request.swap {
		return
	}
	if s.posted == maxLetters {
		panic("explore: too many letters")
	}
	old, data := n.asked()
	s.letters[s.posted] = letter{old, data, n.age}
	s.posted++
}

func (s *state) drop(i uint8) {
	copy(s.letters[i:s.posted], s.letters[i+1:s.posted])
	s.posted--
	s.letters[s.posted] = letter{}
}

// settled reports whether no promise can be broken any more: no term may begin, and at most one node has one.
func (x *explorer) settled(s *state) bool {
	busy := 0
	for i := range x.Nodes {
		switch s.nodes[i].point {
		case idle:
		case acquiring:
			return false
		default:
			busy++
		}
	}
	return s.acquired >= uint8(x.Acquisitions) && s.posted == 0 && busy < 2
}

// retire makes all nodes alike that will do nothing any more: they have no lease, and may not ask for it.
func (x *explorer) retire(s *state) {
	if s.acquired < uint8(x.Acquisitions) {
		return
	}
	for i := range x.Nodes {
		if n := &s.nodes[i]; n.point == idle {
			*n = node{local: n.start}
		}
	}
}

// prune drops the letters that the store will refuse whenever they arrive, as the record that they would replace has been
// replaced. No later write can equal that record, since its nonce is nowhere else.
func (s *state) prune(unconditional bool) {
	for i := uint8(0); i < s.posted && !unconditional; {
		if old := s.letters[i].old; old == s.cell || s.pending(old) {
			i++
		} else {
			s.drop(i)
		}
	}
}

// pending reports whether a write of this record may still arrive.
func (s *state) pending(r record) bool {
	for i := range s.nodes {
		if n := &s.nodes[i]; n.stage == underWay && n.request.swap {
			if _, data := n.asked(); data == r {
				return true
			}
		}
	}
	for _, l := range s.letters[:s.posted] {
		if l.data == r {
			return true
		}
	}
	return false
}
