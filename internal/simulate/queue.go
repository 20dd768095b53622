package simulate

import (
	"container/heap"
	"sync"
	"time"
)

// queue is what is to happen, in the order of the true time. It is safe for concurrent use, since the goroutines of the
// processes put things in it.
type queue struct {
	mu   sync.Mutex
	now  time.Duration
	heap happenings
	seq  int
}

type happening struct {
	at   time.Duration
	seq  int
	what func()
}

func (q *queue) time() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.now
}

// after makes something happen once d has passed. No two things happen at the same time.
func (q *queue) after(d time.Duration, what func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.seq++
	heap.Push(&q.heap, happening{q.now + max(d, 0), q.seq, what})
}

// next takes the earliest thing and sets the time to it. If there is none before the given time, it is that time.
func (q *queue) next(before time.Duration) (func(), bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.heap) == 0 || q.heap[0].at >= before {
		q.now = max(q.now, before)
		return nil, false
	}
	h := heap.Pop(&q.heap).(happening)
	q.now = max(h.at, q.now+1)
	return h.what, true
}

type happenings []happening

func (h happenings) Len() int { return len(h) }
func (h happenings) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h happenings) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *happenings) Push(x any)   { *h = append(*h, x.(happening)) }
func (h *happenings) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
