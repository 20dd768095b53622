package leader

import "sync"

// A mailbox hands values to a function of somebody else's, in order and one at a time, and never makes the sender wait. It
// has a goroutine only while something is in it. It outlives a run: what the function has not taken yet comes before what
// the next run has to tell, and no two calls of the function overlap.
type mailbox[T any] struct {
	deliver func(T)
	dropped func(n int) T // what is delivered in place of values that were dropped; nil: nothing is
	goexit  func()        // told that the function called runtime.Goexit; nil: nobody is

	mu      sync.Mutex
	queue   []letter[T]
	waiting int           // in the queue, of those that may be dropped
	missing int           // values that were dropped since somebody was told
	idle    chan struct{} // closed when the goroutine ends; nil without one
}

type letter[T any] struct {
	value     T
	droppable bool
}

// mailboxSize is how many values may pile up before those that may be dropped are.
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

// drain delivers until nothing is left. A function that calls runtime.Goexit, as an assertion in somebody's test does, ends
// this goroutine, and another goes on.
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

// emptied returns a channel that is closed once all that was posted is delivered; nil if it is already.
func (m *mailbox[T]) emptied() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.idle
}
