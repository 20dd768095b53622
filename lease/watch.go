package lease

import (
	"slices"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// watch is what a manager has seen of its store: since when each cell has had its version (R1), and which of its own
// acquisitions are dead (R6). One entry per lease that is held somewhere, of those that were asked for of late; times are
// of the monotonic clock.
type watch struct {
	mu     sync.Mutex
	asked  memory // the leases that somebody asked for by name
	listed memory // those that only a list has shown
}

type sighting struct {
	version Version
	since   time.Duration // not later than this the version stood
	sent    time.Duration // when the latest look that showed it was sent; of an own write, when its answer came
	dead    []string      // IDs of failed acquisitions whose writes may yet replace this version
	ghost   bool          // the version itself is the work of such an acquisition
	rhythm  rhythm        // of the versions
}

// maxDead bounds the memory of failed acquisitions. One that is forgotten is only waited for like anybody's lease.
const maxDead = 16

// forever is as far back as is counted: Age may be anything, and times must not overflow.
const forever = 100 * 365 * 24 * time.Hour

// look is one answer: when it was asked for, when it came, and whether the lease was asked for by its name.
type look struct {
	sent, now time.Duration
	asked     bool
}

// sight is what a look and those before it tell of a record.
type sight struct {
	idle   time.Duration // it has stood so long, if it stands now: what a conditional write will prove
	proven time.Duration // it had stood so long when the look was sent, whoever has written since
	ghost  bool          // it is the late work of a failed acquisition of this manager's own
	next   time.Duration // when the next look is best; 0: not known
}

// saw notes a record that a look showed, when the write behind it was at least age old. An answer that was overtaken by
// that of a later look changes nothing: it shows what was.
func (w *watch) saw(h host.Host, name string, version Version, r record, l look, age time.Duration) sight {
	w.mu.Lock()
	defer w.mu.Unlock()
	if age == 1 { // the store knows no better bound
		age = 0
	}
	since := l.now - min(max(age, 0), forever)
	s := w.at(name, l.asked)
	if s.version != version {
		if s.version != "" && l.sent < s.sent {
			return sight{idle: l.now - since, proven: max(l.sent-since, 0)}
		}
		// A write that was to replace an older version has either done so, as this one, or never will.
		*s = sighting{version: version, since: since, sent: l.sent, ghost: slices.Contains(s.dead, r.ID), rhythm: s.rhythm}
	}
	s.sent = max(s.sent, l.sent)
	s.ghost = s.ghost || slices.Contains(s.dead, r.ID)
	s.since = min(s.since, since)
	return sight{
		idle: l.now - s.since, proven: max(l.sent-s.since, 0), ghost: s.ghost, next: s.rhythm.look(h, l.now, r),
	}
}

// wrote notes that our own write replaced the old version by another. It was sent, and answered now.
func (w *watch) wrote(name string, old, version Version, sent, now time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.at(name, true)
	switch {
	case s.version == version: // a look has shown it before the answer came
		s.sent, s.dead, s.ghost = max(s.sent, now), nil, false
	case !s.overtakes(old, sent):
		*s = sighting{version: version, since: now, sent: now}
	}
}

// overtakes is that the version is newer than what was sent then, and replaced the old one if that is known.
func (s *sighting) overtakes(old Version, sent time.Duration) bool {
	return s.version != "" && s.version != old && sent < s.sent
}

// free notes that the cell has no holder: there is nothing to wait for. That was found by a look, or done by a write, that
// was sent then; a write replaced the old version. Dead acquisitions are kept while the version that they were to
// replace stands.
func (w *watch) free(name string, old, version Version, sent time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.asked.get(name)
	if s == nil {
		s = w.listed.get(name)
	}
	switch {
	case s == nil:
	case s.version == version:
		if s.sent = max(s.sent, sent); len(s.dead) == 0 {
			w.forget(name)
		}
	case !s.overtakes(old, sent):
		w.forget(name)
	}
}

// bury notes that an acquisition failed whose write may yet replace the version, which a look showed that was sent then.
func (w *watch) bury(name string, version Version, id string, sent, now time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.at(name, true)
	if s.version != version {
		if s.overtakes(version, sent) {
			return // what it was to replace is gone
		}
		*s = sighting{version: version, since: now, sent: sent}
	}
	s.dead = append(s.dead, id)
	if len(s.dead) > maxDead {
		s.dead = slices.Delete(s.dead, 0, 1)
	}
}

// at returns what is remembered of the lease; a new entry if that is nothing.
func (w *watch) at(name string, asked bool) *sighting {
	if s := w.asked.get(name); s != nil {
		return s
	}
	s := w.listed.get(name)
	switch {
	case s != nil && !asked:
		return s
	case s == nil:
		s = &sighting{}
	}
	if asked {
		w.listed.forget(name)
		w.asked.put(name, s)
	} else {
		w.listed.put(name, s)
	}
	return s
}

func (w *watch) forget(name string) {
	w.asked.forget(name)
	w.listed.forget(name)
}

// memory is what was seen of the leases that were looked at of late. Of those that were not, the younger half is
// dropped when it has become the older one: to forget a sighting only makes a takeover wait a length longer, and to
// forget a dead acquisition makes it wait as for anybody's lease.
type memory struct{ young, old map[string]*sighting }

// maxNames bounds a memory. Who campaigns for more leases by one manager, on a store that tells no Age, may never take
// one over that its holder has left behind.
const maxNames = 1 << 14

func (m *memory) get(name string) *sighting {
	if s := m.young[name]; s != nil {
		return s
	}
	s := m.old[name]
	if s != nil {
		delete(m.old, name)
		m.put(name, s)
	}
	return s
}

func (m *memory) put(name string, s *sighting) {
	if len(m.young) >= maxNames/2 {
		m.young, m.old = nil, m.young
	}
	if m.young == nil {
		m.young = map[string]*sighting{}
	}
	m.young[name] = s
}

func (m *memory) forget(name string) {
	delete(m.young, name)
	delete(m.old, name)
}
