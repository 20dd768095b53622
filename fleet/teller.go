package fleet

import (
	"context"
	"errors"
	"sync"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// A teller keeps the value of a lease up to date, without making anybody wait. Only the newest text counts: the one before it may
// be stored or not (V2, V3).
type teller struct {
	failed func(error) // told of each error, but for the end of the term
	news   chan struct{}

	mu     sync.Mutex
	text   string
	fresh  bool // the text was not taken yet
	urgent bool
	hasten context.CancelFunc // ends the wait for the text before; nil: nobody waits
}

func newTeller(failed func(error)) *teller {
	return &teller{failed: failed, news: make(chan struct{}, 1)}
}

// tell sets the text: at once if it is urgent, or else with the next renewal.
func (t *teller) tell(text string, urgent bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text, t.fresh, t.urgent = text, true, t.urgent || urgent
	if t.hasten != nil {
		t.hasten()
	}
	select {
	case t.news <- struct{}{}:
	default:
	}
}

// run tells until ctx, the context of the lease's work, ends.
func (t *teller) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.news:
			t.send(ctx)
		}
	}
}

func (t *teller) send(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t.mu.Lock()
	text, urgent, fresh := t.text, t.urgent, t.fresh
	t.fresh, t.urgent = false, false
	t.hasten = func() { cancel(errNewer) }
	t.mu.Unlock()
	if !fresh {
		return
	}
	set := leader.NoteValue
	if urgent {
		set = leader.SetValue
	}
	err := set(ctx, text)
	t.mu.Lock()
	t.hasten = nil
	t.urgent = t.urgent || urgent && context.Cause(ctx) == errNewer // the text may not have got so far as to hasten anything
	t.mu.Unlock()
	if err != nil && context.Cause(ctx) == nil && !errors.Is(err, lease.ErrLost) {
		t.failed(err)
	}
}

// errNewer says that a newer text is to be told.
var errNewer = errors.New("there is a newer text")
