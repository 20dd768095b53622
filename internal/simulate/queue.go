package simulate

import (
	"container/heap"
	"sync"
	"time"
)

// queue holds all that is to happen, in the order of the true time. It is safe for concurrent use: the goroutines of the
// processes add to it.
type queue struct {
	mu   sync.Mutex
	now  time.Duration
	heap happenings
	seq  int
	sum  uint64 // of all times at which something happened
}

// happening is one thing that is to happen.
type happening struct {
	at    time.Duration
	seq   int
	what  func()
	index int // in the heap; -1 once it has left it
}

func (q *queue) time() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.now
}

// after makes something happen once d has passed. Of two things that are due at the same time, the one that was asked for first
// happens first, at that same time: if two goroutines asked at the same instant, as two timers of a process may, the scheduler
// chose which, and this must not move what follows by as much as a nanosecond.
func (q *queue) after(d time.Duration, what func()) *happening {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.seq++
	h := &happening{at: q.now + max(d, 0), seq: q.seq, what: what}
	heap.Push(&q.heap, h)
	return h
}

// drop keeps something from happening, if it has not happened yet.
func (q *queue) drop(h *happening) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if h.index >= 0 {
		heap.Remove(&q.heap, h.index)
	}
}

// next takes the earliest thing, and sets the time to when it is due. If nothing is due before the given time, it sets the
// time to that.
func (q *queue) next(before time.Duration) (func(), bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.heap) == 0 || q.heap[0].at >= before {
		q.now = max(q.now, before)
		return nil, false
	}
	h := heap.Pop(&q.heap).(*happening)
	q.now = max(h.at, q.now)
	q.sum = q.sum*1099511628211 ^ uint64(q.now)
	return h.what, true
}

type happenings []*happening

func (h happenings) Len() int { return len(h) }
func (h happenings) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h happenings) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *happenings) Push(x any) {
	x.(*happening).index = len(*h)
	*h = append(*h, x.(*happening))
}
func (h *happenings) Pop() any {
	old := *h
	last := old[len(old)-1]
	last.index = -1
	*h = old[:len(old)-1]
	return last
}
