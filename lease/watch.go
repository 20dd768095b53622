package lease

import (
	"slices"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// watch is what a manager has seen of its store: since when each cell has had its version (R1), and which of its own
// acquisitions are dead (R6). One entry per lease that is held somewhere; times are of the monotonic clock.
type watch struct {
	mu    sync.Mutex
	cells map[string]*sighting
}

type sighting struct {
	version Version
	since   time.Duration // not later than this the version stood
	dead    []string      // IDs of failed acquisitions whose writes may yet replace this version
	ghost   bool          // the version itself is the work of such an acquisition
	rhythm  rhythm        // of the versions
}

// maxDead bounds the memory of failed acquisitions. One that is forgotten is only waited for like anybody's lease.
const maxDead = 16

// saw notes a record that an answer showed at the time now, when the write behind it was at least age old. It returns
// how long the record has surely stood, and whether it is the late work of a failed acquisition of our own.
func (w *watch) saw(name string, version Version, id string, now, age time.Duration) (idle time.Duration, ghost bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.at(name)
	if s.version != version {
		// A write that was to replace an older version has either done so, as this one, or never will.
		*s = sighting{version: version, since: now, ghost: slices.Contains(s.dead, id), rhythm: s.rhythm}
	}
	s.ghost = s.ghost || slices.Contains(s.dead, id)
	s.since = min(s.since, now-min(max(age, 0), forever))
	return now - s.since, s.ghost
}

// heed notes a record that a look showed, and returns when the next look is best.
func (w *watch) heed(h host.Host, name string, now time.Duration, r record) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at(name).rhythm.look(h, now, r)
}

// forever is as far back as is counted: Age may be anything, and times must not overflow.
const forever = 100 * 365 * 24 * time.Hour

// wrote notes that our own write made the version; now is after its answer.
func (w *watch) wrote(name string, version Version, now time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*w.at(name) = sighting{version: version, since: now}
}

// free notes that the cell has no holder: there is nothing to wait for. Dead acquisitions are kept while the version
// that they were to replace stands.
func (w *watch) free(name string, version Version) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.cells[name]; s != nil && (s.version != version || len(s.dead) == 0) {
		delete(w.cells, name)
	}
}

// bury notes that an acquisition failed whose write may yet replace the version.
func (w *watch) bury(name string, version Version, id string, now time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.cells[name]; s == nil || s.version != version {
		*w.at(name) = sighting{version: version, since: now}
	}
	s := w.at(name)
	s.dead = append(s.dead, id)
	if len(s.dead) > maxDead {
		s.dead = slices.Delete(s.dead, 0, 1)
	}
}

func (w *watch) at(name string) *sighting {
	if w.cells == nil {
		w.cells = map[string]*sighting{}
	}
	s := w.cells[name]
	if s == nil {
		s = &sighting{}
		w.cells[name] = s
	}
	return s
}
