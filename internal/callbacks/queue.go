// Package callbacks calls functions of the user's, for packages leader and fleet.
package callbacks

import "sync"

// A Queue passes values to a function of the user's, in order and one at a time, and never makes the sender wait. It has a
// goroutine only while it is not empty. It outlives a run: the next run's values come after those that the function has not
// taken yet, and no two calls of the function overlap.
type Queue[T any] struct {
	Deliver func(T)       // required
	Dropped func(n int) T // makes the value that is delivered in place of n dropped ones; nil: nothing is delivered
	Goexit  func()        // is called if the function has called runtime.Goexit; may be nil

	mu      sync.Mutex
	letters []letter[T]
	waiting int           // letters that may be dropped
	missing int           // values that were dropped and not reported yet
	told    bool          // the latest that was taken is a report of these
	idle    chan struct{} // closed when the goroutine ends; nil if there is none
}

type letter[T any] struct {
	value     T
	droppable bool
}

// queueSize is how many droppable values may wait before more of them are dropped.
const queueSize = 1024

// Post lets the value be delivered after those that were posted before. If very many wait, a droppable one is dropped.
func (q *Queue[T]) Post(v T, droppable bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if droppable && q.waiting >= queueSize {
		q.missing++
		return
	}
	q.letters = append(q.letters, letter[T]{value: v, droppable: droppable})
	if droppable {
		q.waiting++
	}
	if q.idle == nil {
		q.idle = make(chan struct{})
		go q.drain()
	}
}

// drain delivers until nothing is left. A function that calls runtime.Goexit, as an assertion in a test does, ends this
// goroutine; drain goes on in another.
func (q *Queue[T]) drain() {
	done := false
	defer func() {
		if !done {
			if q.Goexit != nil {
				q.Goexit()
			}
			go q.drain()
		}
	}()
	for q.next() {
	}
	done = true
}

// next delivers one value. It reports false, and the queue is idle, if there was none.
func (q *Queue[T]) next() bool {
	v, ok := q.take()
	if ok {
		q.Deliver(v)
	}
	return ok
}

func (q *Queue[T]) take() (v T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	// While this report is delivered, more may be dropped: only a letter that is taken makes room. So one comes between two reports.
	if missing := q.missing; missing > 0 && q.Dropped != nil && !q.told {
		q.missing, q.told = 0, true
		return q.Dropped(missing), true
	}
	if len(q.letters) == 0 {
		q.letters = nil
		close(q.idle)
		q.idle = nil
		return v, false
	}
	q.told = false
	l := q.letters[0]
	q.letters = q.letters[1:]
	if l.droppable {
		q.waiting--
	}
	return l.value, true
}

// Emptied returns a channel that is closed once every posted value is delivered; nil if that is so already.
func (q *Queue[T]) Emptied() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.idle
}
