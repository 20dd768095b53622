package linearize

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	checkpointClients = 4
	checkpointCalls   = 30 // of each client
)

// What has to happen in a history of checkpoints for it to prove anything.
var enoughOfCheckpoints = map[string]int{
	"operations": 60, "unknown outcomes": 3, "opened": 5, "saved": 5, "told lost": 5, "reset": 1,
}

// playCheckpoints makes a history of checkpoints.
func (s service) playCheckpoints(t testing.TB, enough map[string]int, names ...string) (h *History[Position], faults int) {
	h = NewHistory[Position]()
	players := s.players(t, checkpointClients, names)
	var tokens atomic.Uint64 // of one lease, whose terms these are
	var all sync.WaitGroup
	for _, p := range players {
		all.Go(func() { p.work(&Checkpoints{History: h, Manager: p.Manager}, &tokens, enough) })
	}
	all.Wait()
	last := &Checkpoints{History: h, Manager: s.connect(t, 0).Manager}
	for _, name := range names {
		finally(t, func(ctx context.Context) error { return last.Inspect(ctx, name) })
	}
	return h, faultsOf(players)
}

// work is a client of checkpoints: it opens them, in terms that begin, or are long over, and saves. It goes on with what others
// have opened since, as a worker does that wakes up late. Now and then it is an operator who resets one.
func (p *player) work(c *Checkpoints, tokens *atomic.Uint64, enough map[string]int) {
	open := map[string]*Opened{}
	defer c.Close()
	for begun, n := time.Now(), 0; (n < checkpointCalls || !c.History.has(enough)) && time.Since(begun) < patience; n++ {
		name := p.name()
		p.call(func(ctx context.Context) {
			switch chance := p.Float64(); {
			case chance < 0.1:
				_ = c.Inspect(ctx, name)
			case chance < 0.14:
				_ = c.Reset(ctx, name, p.label(), p.label())
			case open[name] == nil || chance < 0.3:
				token := tokens.Add(1)
				if p.IntN(4) == 0 {
					token -= min(token-1, uint64(p.IntN(4)))
				}
				if o, err := c.Open(ctx, name, p.label(), token); err == nil {
					open[name] = o
				}
			default:
				_ = c.Save(ctx, open[name], p.label())
			}
		})
	}
}
