// Package firstseen remembers since when something has been as it is.
package firstseen

import (
	"math"
	"sync"
	"time"
)

// A Memory knows for each name since when its version has been seen. The zero Memory is empty. It is safe for concurrent use.
type Memory struct {
	mu    sync.Mutex
	since map[string]sighting
}

type sighting struct {
	version string
	at      time.Duration
	sent    time.Duration // when the latest look that showed it was
}

// most bounds a memory. What does not fit counts as seen for ever.
const most = 1 << 14

// For returns for how long the version has been there, at least: since it was first asked for, or for its known age. A look sent
// then has shown it. An answer that a later look has overtaken changes nothing: it shows the past.
func (m *Memory) For(name, version string, sent, now, age time.Duration) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := now - max(age, 0)
	s, known := m.since[name]
	switch {
	case known && s.version == version:
		at, sent = min(at, s.at), max(sent, s.sent)
	case known && sent < s.sent:
		return now - at
	case !known && len(m.since) >= most:
		return math.MaxInt64
	case m.since == nil:
		m.since = map[string]sighting{}
	}
	m.since[name] = sighting{version, at, sent}
	return now - at
}

// Forget drops what is known of a name, because a look sent then has shown something else.
func (m *Memory) Forget(name string, sent time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if sent >= m.since[name].sent {
		delete(m.since, name)
	}
}
