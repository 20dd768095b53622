package fleet

import "sync"

// An inbox takes what has happened to a node, from any goroutine, and never blocks. The node's goroutine runs it, in order.
type inbox struct {
	ready chan struct{} // has an element if there may be something

	mu   sync.Mutex
	news []func()
}

func newInbox() *inbox { return &inbox{ready: make(chan struct{}, 1)} }

func (i *inbox) post(happened func()) {
	i.mu.Lock()
	i.news = append(i.news, happened)
	i.mu.Unlock()
	select {
	case i.ready <- struct{}{}:
	default:
	}
}

// take runs all that is there.
func (i *inbox) take() {
	i.mu.Lock()
	news := i.news
	i.news = nil
	i.mu.Unlock()
	for _, happened := range news {
		happened()
	}
}
