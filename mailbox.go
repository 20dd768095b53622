package leader

import "sync"

// A mailbox passes values to a function of the user's, in order and one at a time, and never makes the sender wait. It has a
// goroutine only while it is not empty. It outlives a run: the next run's values come after those that the function has not
// taken yet, and no two calls of the function overlap.
type mailbox[T any] struct {
	deliver func(T)
	dropped func(n int) T // makes the value that is delivered in place of n dropped ones; nil: nothing is delivered
	goexit  func()        // is called if the function has called runtime.Goexit; may be nil

	mu      sync.Mutex
	queue   []letter[T]
	waiting int           // values in the queue that may be dropped
	missing int           // values that were dropped and not reported yet
	idle    chan struct{} // closed when the goroutine ends; nil if there is none
}

type letter[T any] struct {
	value     T
	droppable bool
}

// mailboxSize is how many droppable values may wait before more of them are dropped.
const mailboxSize = 1024

func (m *mailbox[T]) post(v T, droppable bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if droppable && m.waiting >= mailboxSize {
		m.missing++
		return
	}
	m.queue = append(m.queue, letter[T]{value: v, droppable: droppable})
	if droppable {
		m.waiting++
	}
	if m.idle == nil {
		m.idle = make(chan struct{})
		go m.drain()
	}
}

// drain delivers until nothing is left. A function that calls runtime.Goexit, as an assertion in a test does, ends this
// goroutine; drain goes on in another.
func (m *mailbox[T]) drain() {
	done := false
	defer func() {
		if !done {
			if m.goexit != nil {
				m.goexit()
			}
			go m.drain()
		}
	}()
	for m.next() {
	}
	done = true
}

// next delivers one value. It reports false, and the mailbox is idle, if there was none.
func (m *mailbox[T]) next() bool {
	v, ok := m.take()
	if ok {
		m.deliver(v)
	}
	return ok
}

func (m *mailbox[T]) take() (v T, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if missing := m.missing; missing > 0 && m.dropped != nil {
		m.missing = 0
		return m.dropped(missing), true
	}
	if len(m.queue) == 0 {
		m.queue = nil
		close(m.idle)
		m.idle = nil
		return v, false
	}
	l := m.queue[0]
	m.queue = m.queue[1:]
	if l.droppable {
		m.waiting--
	}
	return l.value, true
}

// emptied returns a channel that is closed once every posted value is delivered; nil if that is so already.
func (m *mailbox[T]) emptied() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.idle
}
