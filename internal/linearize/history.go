package linearize

import (
	"fmt"
	"maps"
	"math"
	"sync"
	"time"
)

// A History is what some clients asked and were told of names that begin in the zero state S, each on its own. Make it
// with NewHistory; it is safe for concurrent use.
type History[S comparable] struct {
	begun time.Time

	mu     sync.Mutex
	calls  []call[S]
	rows   int               // of clients, as a picture shows them
	names  map[string]string // what is to belong together, both ways
	wrong  []string          // what no order can explain
	counts map[string]int
	kept   map[string]uint64 // the latest token of each lease, until somebody asks to release it
}

// NewHistory returns a History that begins now.
func NewHistory[S comparable]() *History[S] {
	return &History[S]{begun: time.Now(), names: map[string]string{}, counts: map[string]int{}, kept: map[string]uint64{}}
}

// never is when a call returns whose outcome is unknown.
const never = time.Duration(math.MaxInt64)

// A call is one of a client's, from when it was invoked to when it returned, whatever it returned.
type call[S comparable] struct {
	client     int
	name, text string
	start, end time.Duration
	answered   []effect[S] // what it did, by its answer; nil: that is unknown
	unanswered []effect[S] // what it may have done, for all that is known without its answer; nil: nothing
}

// An effect is what a call does to a name's state at one moment. What it did by an answer that is known is impossible in
// the states where it is not ok. What it may have done does something, or is not ok.
type effect[S comparable] struct {
	text  string
	apply func(S) (next S, ok bool)
}

// now is the time by the clock of all the history's clients.
func (h *History[S]) now() time.Duration { return time.Since(h.begun) }

// row is a client's, until the first call whose outcome is unknown.
func (h *History[S]) row() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rows++
	return h.rows - 1
}

// add records a call that returns now, and returns the row for the client's next one.
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

// belongs notes that, of the name, a is b's and b is a's, and nobody else's.
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

// acquired counts an acquisition, and whether it is a takeover: the one before succeeded, and nobody has asked to release it.
func (h *History[S]) acquired(name string, token uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts["acquisitions"]++
	if token > 1 && h.kept[name] == token-1 {
		h.counts["takeovers"]++
	}
	h.kept[name] = token
}

// releases notes that somebody asks to release what was acquired.
func (h *History[S]) releases(name string, token uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.kept[name] == token {
		delete(h.kept, name)
	}
}

// Counts is how often what has happened.
func (h *History[S]) Counts() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.counts)
}
