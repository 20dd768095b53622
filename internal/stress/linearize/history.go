package linearize

import (
	"fmt"
	"maps"
	"math"
	"sync"
	"time"
)

// A History records what some clients called and what they were answered, for names that are independent of each other and
// begin in the zero state S. Make it with NewHistory; it is safe for concurrent use.
type History[S comparable] struct {
	begun time.Time

	mu     sync.Mutex
	calls  []call[S]
	rows   int               // of clients in a picture
	names  map[string]string // pairs that belong together, both ways
	wrong  []string          // answers that no order can explain
	counts map[string]int
	kept   map[string]uint64 // the latest token of each lease, until a client asks to release it
}

// NewHistory returns a History that begins now.
func NewHistory[S comparable]() *History[S] {
	return &History[S]{begun: time.Now(), names: map[string]string{}, counts: map[string]int{}, kept: map[string]uint64{}}
}

// never is the return time of a call with an unknown outcome.
const never = time.Duration(math.MaxInt64)

// A call is one call of a client, from its invocation to its return, whatever it returned.
type call[S comparable] struct {
	client     int
	name, text string
	start, end time.Duration
	answered   []effect[S] // its effects, by its answer; nil: the outcome is unknown
	unanswered []effect[S] // the effects that it may have had, without its answer; nil: none
}

// An effect is the change that a call makes to a name's state at one moment. If the answer is known, the effect is impossible in states
// where it is not ok. If the answer is unknown, the effect may also not happen.
type effect[S comparable] struct {
	text  string
	apply func(S) (next S, ok bool)
}

// now returns the time by the clock that all clients of the history share.
func (h *History[S]) now() time.Duration { return time.Since(h.begun) }

// row returns a new row for a client. The client keeps it until its first call with an unknown outcome.
func (h *History[S]) row() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rows++
	return h.rows - 1
}

// add records a call that returns now, and returns the row for the client's next call.
func (h *History[S]) add(c call[S]) (row int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	row = c.client
	switch {
	case c.answered == nil && c.unanswered == nil:
		h.counts["reads that failed"]++
		return row
	case c.answered == nil:
		h.counts["unknown outcomes"]++
		row = h.rows
		h.rows++
	}
	h.counts["operations"]++
	h.calls = append(h.calls, c)
	return row
}

// record adds a client's call, which returns now. row is the client's.
func record[S comparable](h *History[S], row **int, name, text string, sent call[S]) {
	if *row == nil {
		*row = new(h.row())
	}
	sent.client, sent.name, sent.text, sent.end = **row, name, text, h.now()
	for _, effects := range [][]effect[S]{sent.answered, sent.unanswered} {
		for i := range effects {
			effects[i].text += text
		}
	}
	**row = h.add(sent)
}

// belongs notes that a and b belong to each other, and to nothing else, as far as the name goes.
func (h *History[S]) belongs(name, a, b string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		key := name + "\x00" + pair[0]
		if other, ok := h.names[key]; ok && other != pair[1] {
			h.wrong = append(h.wrong, fmt.Sprintf("%q: %s belongs to %s and to %s", name, pair[0], other, pair[1]))
			continue
		}
		h.names[key] = pair[1]
	}
}

// refute notes an answer that is wrong in every state.
func (h *History[S]) refute(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrong = append(h.wrong, fmt.Sprintf(format, args...))
}

func (h *History[S]) count(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts[what]++
}

// acquired counts an acquisition. It also counts as a takeover if no client has asked to release the one before, which
// succeeded.
func (h *History[S]) acquired(name string, token uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts["acquisitions"]++
	if token > 1 && h.kept[name] == token-1 {
		h.counts["takeovers"]++
	}
	h.kept[name] = token
}

// releases notes that a client asks to release a lease.
func (h *History[S]) releases(name string, token uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.kept[name] == token {
		delete(h.kept, name)
	}
}

// Counts returns how often each thing has happened.
func (h *History[S]) Counts() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.counts)
}
