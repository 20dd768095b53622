package azblob

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
)

// Whatever becomes of the requests and their answers: the next leader finds the value that was acknowledged last, or a later one
// that was sent.
func TestValue_NoneIsLost(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(seed, 0))
		azure := &fakeAzure{}
		var acknowledged, sent, terms, inherited atomic.Int64
		work := func(ctx context.Context) error {
			last, _ := strconv.ParseInt(leader.Value(ctx), 10, 64)
			terms.Add(1)
			assert.GreaterOrEqual(t, last, acknowledged.Load(), "a value is lost")
			assert.LessOrEqual(t, last, sent.Load())
			if last > acknowledged.Load() {
				inherited.Add(1) // the answer to it was lost
			}
			for {
				last++
				sent.Store(max(sent.Load(), last))
				if leader.SetValue(ctx, strconv.FormatInt(last, 10)) == nil {
					acknowledged.Store(last)
				}
				select {
				case <-time.After(rand.N(2 * time.Second)):
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var links []*link
		var nodes []*leader.Leader
		ended := make(chan error)
		for range 3 {
			l := &link{azure: azure}
			n := leader.New(leader.WithLeaseManager(l.manager(t)), leader.WithLogger(slog.New(slog.DiscardHandler)), leader.WhenStarted(work))
			links, nodes = append(links, l), append(nodes, n)
			go func() { ended <- n.Run(host.With(ctx, hosttest.New(true))) }()
		}
		for range 250 {
			i := random.IntN(len(links))
			switch random.IntN(4) {
			case 0:
				go func() { _ = nodes[i].StepDown(ctx) }()
			case 1:
				links[i].page.Store(true)
			default:
				links[i].cut.Store(true)
			}
			time.Sleep(time.Duration(random.Int64N(int64([]time.Duration{20 * time.Millisecond, time.Second, 25 * time.Second}[random.IntN(3)]))))
			links[i].cut.Store(false)
			links[i].page.Store(false)
			time.Sleep(time.Duration(random.Int64N(int64(10 * time.Second))))
		}
		cancel()
		for range nodes {
			<-ended
		}
		t.Logf("%d terms, %d values acknowledged, %d found that were not", terms.Load(), acknowledged.Load(), inherited.Load())
		assert.Greater(t, terms.Load(), int64(15))
		assert.Greater(t, acknowledged.Load(), int64(100))
	})
}
