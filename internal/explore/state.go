package explore

// Limits of what a state can hold; beyond them the explorer panics and says so.
const (
	maxNodes   = 3
	maxNames   = 20 // random texts that one process remembers
	maxLetters = 4  // writes under way that their senders have given up
)

// state is the whole world at one moment: all that matters for what may follow.
type state struct {
	nodes    [maxNodes]node
	cell     record
	age      uint8 // steps since the write in the cell was sent; 0 if the store does not know ages
	letters  [maxLetters]letter
	posted   uint8 // how many letters there are
	newest   uint8 // the greatest token of all terms that have begun
	acquired uint8 // how often Acquire has succeeded
	faults   uint8 // how many faults have happened
	names    name  // how many names there are
}

// node is a machine with its process, and the request or answer under way between it and the store.
type node struct {
	*local
	names [maxNames]name // by the number of a name in the node's state: its name in the world
	stage stage
	reply reply // its answer, if stage is back
	age   uint8 // steps since its request was sent; 0 if the store does not know ages
}

// stage says where the request of a node is.
type stage uint8

const (
	none     stage = iota // it has sent none
	underWay              // it has not reached the store
	back                  // its answer has not reached the node
)

// letter is a write that is still under way after its sender has given it up.
type letter struct {
	old, data record
	age       uint8
}

// bind returns the world's name for a name's number in the node's state.
func (n *node) bind(i name) name { return n.names[i] }

// asked returns the request that the node waits for, in the world's names.
func (n *node) asked() (old, data record) {
	return n.request.old.named(n.bind), n.request.data.named(n.bind)
}

// in translates a reply from the world's names to the numbers of the node's state, and returns the names behind those.
func (n *node) in(r reply) (reply, []name) {
	known := n.names[:len(n.local.names):len(n.local.names)]
	r.record = r.record.named(func(g name) name {
		i := number(known, g)
		if int(i) == len(known) {
			known = append(known, g)
		}
		return i
	})
	return r, known
}

// rename renames all names of the state in the order of their appearance, so that states which differ in names alone become
// equal.
func (s *state) rename() {
	var given [256]name // by name: its new name and one; 0 if it has none yet
	s.names = 0
	to := func(n name) name {
		if given[n] == 0 {
			s.names++
			given[n] = s.names
		}
		return given[n] - 1
	}
	s.cell = s.cell.named(to)
	for i := range s.nodes {
		n := &s.nodes[i]
		if n.local == nil {
			continue
		}
		for j := range n.local.names {
			n.names[j] = to(n.names[j])
		}
		n.reply.record = n.reply.record.named(to)
	}
	for i := range s.letters[:s.posted] {
		s.letters[i].old, s.letters[i].data = s.letters[i].old.named(to), s.letters[i].data.named(to)
	}
}

// key identifies the state. Faults that happened are left out: the state with fewer may do all that the other may.
func (s *state) key() (k [2]uint64) {
	h := mix{14695981039346656037, 0x9e3779b97f4a7c15}
	h.record(s.cell)
	h.add(uint64(s.age), uint64(s.newest), uint64(s.acquired), uint64(s.posted))
	for i := range s.nodes {
		n := &s.nodes[i]
		if n.local == nil {
			break
		}
		h.add(n.hash[0], n.hash[1], uint64(n.stage), uint64(n.age))
		for _, g := range n.names[:len(n.local.names)] {
			h.add(uint64(g))
		}
		if n.stage == back {
			h.record(n.reply.record)
			h.add(uint64(n.reply.age))
			if n.reply.conflict {
				h.add(1)
			}
		}
	}
	for _, l := range s.letters[:s.posted] {
		h.record(l.old)
		h.record(l.data)
		h.add(uint64(l.age))
	}
	return h
}

type mix [2]uint64

func (m *mix) add(words ...uint64) {
	for _, w := range words {
		a := (m[0] ^ w) * 0xff51afd7ed558ccd
		b := (m[1] ^ w) * 0xc4ceb9fe1a85ec53
		m[0], m[1] = a^a>>32, b^b>>29
	}
}

func (m *mix) record(r record) {
	m.add(uint64(r.shape), uint64(r.names[0])<<16|uint64(r.names[1])) // the shape decides the rest
}
