package leader

import (
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// A mailbox hands values to a function, in order and one at a time, and never makes the sender wait. It has a goroutine
// only while something is in it.
type mailbox[T any] struct {
	deliver func(T)

	mu    sync.Mutex
	queue []T
	idle  chan struct{} // closed when the goroutine ends; nil without one
}

// mailboxSize is how many values may pile up before those that may be dropped are.
const mailboxSize = 1024

func (m *mailbox[T]) post(v T, droppable bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if droppable && len(m.queue) >= mailboxSize {
		return
	}
	m.queue = append(m.queue, v)
	if m.idle == nil {
		m.idle = make(chan struct{})
		go m.drain()
	}
}

func (m *mailbox[T]) drain() {
	for {
		m.mu.Lock()
		if len(m.queue) == 0 {
			m.queue = nil
			close(m.idle)
			m.idle = nil
			m.mu.Unlock()
			return
		}
		next := m.queue[0]
		m.queue = m.queue[1:]
		m.mu.Unlock()
		m.deliver(next)
	}
}

// wait returns when everything that was posted is delivered, or after the patience: then it reports false, and the
// rest is delivered whenever the function lets it.
func (m *mailbox[T]) wait(h host.Host, patience time.Duration) bool {
	m.mu.Lock()
	idle := m.idle
	m.mu.Unlock()
	if idle == nil {
		return true
	}
	return within(h, patience, idle)
}

// within reports whether done is closed within the patience.
func within(h host.Host, patience time.Duration, done <-chan struct{}) bool {
	alarm := host.NewAlarm(h)
	alarm.Set(patience)
	defer alarm.Stop()
	select {
	case <-done:
		return true
	case <-alarm.C:
		return false
	}
}
