package lease

import (
	"slices"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// watch remembers what a manager has seen of its store: since when each cell has had its version (R1), and which of the
// manager's own acquisitions are dead (R6). It has one entry for each held lease that was asked for lately. Times are by
// the monotonic clock.
type watch struct {
	mu     sync.Mutex
	asked  memory // leases that were asked for by name
	listed memory // leases that only a list has shown
}

type sighting struct {
	version Version
	nonce   string        // of the holder's write: the version of a wish has that of the one before
	since   time.Duration // the holder's write stood at this time, or earlier
	sent    time.Duration // when the latest look that showed it was sent; for an own write, when its answer came
	dead    []string      // IDs of failed acquisitions whose writes may yet replace this version
	ghost   bool          // such an acquisition wrote the version
	rhythm  rhythm        // of the holder's renewals
}

// maxDead bounds the memory of failed acquisitions. The record of a forgotten one is waited for like any other lease.
const maxDead = 16

// look tells of one answer when it was asked for, and whether the lease was asked for by its name.
type look struct {
	sent  host.Reading
	asked bool
}

// sight tells what a look, and the looks before it, show of a record.
type sight struct {
	idle   time.Duration // how long it has stood, if it still stands: a conditional write will prove that
	proven time.Duration // how long it had stood when the look was sent, whatever was written since
	ghost  bool          // a failed acquisition of this manager wrote it late
	next   time.Duration // after how long the next look is best; 0: unknown
}

// saw notes a record that a look showed, and that the write behind it was at least age old. An answer that a later look has
// overtaken changes nothing: it shows the past.
func (w *watch) saw(h host.Host, name string, version Version, r record, l look, age time.Duration) sight {
	w.mu.Lock()
	defer w.mu.Unlock()
	if age == 1 { // the store knows no better bound
		age = 0
	}
	now := h.Read()                               // under the lock: whatever another answer has shown, it has shown before now
	since := now.Mono - min(max(age, 0), Forever) // an Age may be any number, and times must not overflow
	took := now.Since(l.sent)                     // by all clocks: an Age that was read at the end of the answer may count a sleep of this machine
	s := w.at(name, l.asked)
	if s.version != version {
		if s.version != "" && l.sent.Mono < s.sent {
			return sight{idle: now.Mono - since, proven: max(now.Mono-since-took, 0)}
		}
		// A dead acquisition that was to replace an older version has either done so, by this version, or never will.
		before := *s
		*s = sighting{version: version, nonce: r.Nonce, since: since, sent: l.sent.Mono, ghost: slices.Contains(s.dead, r.ID), rhythm: s.rhythm}
		if r.Nonce != "" && before.nonce == r.Nonce { // a wish was written, or withdrawn: the holder has renewed nothing
			s.since, s.ghost = min(before.since, since), before.ghost || s.ghost
		}
	}
	s.sent = max(s.sent, l.sent.Mono)
	s.ghost = s.ghost || slices.Contains(s.dead, r.ID)
	s.since = min(s.since, since)
	return sight{
		idle: now.Mono - s.since, proven: max(now.Mono-s.since-took, 0), ghost: s.ghost, next: s.rhythm.look(h, now.Mono, r),
	}
}

// wrote notes that an own write, sent then and answered now, replaced the old version by another.
func (w *watch) wrote(name string, old, version Version, nonce string, sent, now time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.at(name, true)
	switch {
	case s.version == version: // a look has shown it before the answer came
		s.sent, s.dead, s.ghost = max(s.sent, now), nil, false
	case !s.overtakes(old, sent):
		*s = sighting{version: version, nonce: nonce, since: now, sent: now}
	}
}

// overtakes reports whether the version is newer than a request that was sent then, and that was to replace old.
func (s *sighting) overtakes(old Version, sent time.Duration) bool {
	return s.version != "" && s.version != old && sent < s.sent
}

// free notes that the cell has no holder, so there is nothing to wait for. A look sent then has found that, or a write sent
// then has done it by replacing the old version. Dead acquisitions are kept while the version that they were to replace
// stands.
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

// bury notes a failed acquisition whose write may yet replace the version. A look sent then had shown the version.
func (w *watch) bury(name string, version Version, id string, sent, now time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.at(name, true)
	if s.version != version {
		if s.overtakes(version, sent) {
			return // the version that it was to replace is gone
		}
		*s = sighting{version: version, since: now, sent: sent}
	}
	s.dead = append(s.dead, id)
	if len(s.dead) > maxDead {
		s.dead = slices.Delete(s.dead, 0, 1)
	}
}

// at returns the lease's entry, and makes one if there is none.
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

// memory keeps the sightings of leases that were looked at lately, in two halves. When the younger half is full, it becomes
// the older half, and the older half is dropped. Forgetting is safe: a takeover then waits a lease length longer, and the
// record of a dead acquisition is waited for like any other lease.
type memory struct{ young, old map[string]*sighting }

// maxNames bounds a memory. A program that campaigns for more leases by one manager, on a store that tells no Age, may
// never take over a lease that its holder has left behind.
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
