package azblob

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
)

// These tests are in virtual time, and take all of a processor's: they run before those that real requests are late for.

// A fakeNode is a process that campaigns on the fake, with its own machine and connection.
type fakeNode struct {
	*link
	stop  context.CancelFunc
	ended chan error
	since time.Time
	term  lease.Term // of its work that began last
	*leader.Leader
}

func startNode(t *testing.T, azure *fakeAzure, led chan<- *fakeNode, opts ...leader.Option) *fakeNode {
	n := &fakeNode{link: &link{azure: azure}, ended: make(chan error, 1), since: time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	n.stop = cancel
	n.Leader = leader.New(append(opts,
		leader.WithLeaseManager(n.manager(t)), leader.WithNodeID(fmt.Sprintf("%p", n)), leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WhenStarted(func(ctx context.Context) error {
			n.term, _ = leader.TermFrom(ctx)
			led <- n
			<-ctx.Done()
			return ctx.Err()
		}),
	)...)
	go func() { n.ended <- n.Run(host.With(ctx, hosttest.New(true))) }()
	return n
}

// kill is a process that dies: nothing of it gets through any more.
func (n *fakeNode) kill() {
	n.cut.Store(true)
	n.stop()
}

// Where a leader dies every 30 to 60 seconds, and a new process takes its place, 99 % of the next ones lead within 1.05 lease
// lengths, and no standby asks more than 1.05 times in an acquire interval.
func TestFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const length, every, kills = 15 * time.Second, 5 * time.Second, 200
		azure, led := &fakeAzure{}, make(chan *fakeNode, 10)
		nodes := []*fakeNode{}
		for range 3 {
			nodes = append(nodes, startNode(t, azure, led))
		}
		var late []float64
		var asked, standing float64
		leading := <-led
		for range kills {
			time.Sleep(time.Duration(6+rand.Float64()*6) * every)
			time.Sleep(rand.N(every))
			i := slices.Index(nodes, leading)
			leading.kill()
			time.Sleep(100 * time.Millisecond) // what it has sent lands
			last := azure.lastRenewed()
			next := <-led
			late = append(late, float64(time.Since(last))/float64(length))
			standing += float64(time.Since(next.since)) / float64(every)
			asked += float64(next.sent.Load())
			require.ErrorIs(t, <-leading.ended, nil)
			time.Sleep(rand.N(every))
			nodes[i], leading = startNode(t, azure, led), next
		}
		for _, n := range nodes {
			n.kill()
			<-n.ended
		}
		slices.Sort(late)
		reads := (asked - 3*kills) / standing // an acquisition is two more, and there is a first look
		t.Logf("takeovers after %.3f lease lengths, p90 %.3f, p99 %.3f, at most %.3f; %.3f looks an acquire interval",
			late[kills/2], late[kills*90/100], late[kills*99/100], late[kills-1], reads)
		assert.LessOrEqual(t, late[kills*99/100], 1.05)
		assert.LessOrEqual(t, reads, 1.05)
		assert.GreaterOrEqual(t, late[0], 0.9)
	})
}

// S1: a filter that begins to answer every request of the leader with 200 and its own page renews nothing.
func TestAFilterBeginsToAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		azure, led := &fakeAzure{}, make(chan *fakeNode, 10)
		nodes := []*fakeNode{startNode(t, azure, led), startNode(t, azure, led)}
		one := <-led
		time.Sleep(time.Minute)
		require.NoError(t, one.term.Check())
		one.page.Store(true)
		two := <-led
		assert.NotSame(t, one, two)
		require.NoError(t, two.term.Check())
		require.ErrorIs(t, one.term.Check(), lease.ErrLost)
		for _, n := range nodes {
			n.kill()
			<-n.ended
		}
	})
}

// A lease that its leader has given up goes to another node, also where that asks but once in a minute.
func TestStepDownWhereStandbysAskSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		azure, led := &fakeAzure{}, make(chan *fakeNode, 10)
		seldom := leader.WithAcquireEvery(time.Minute)
		nodes := []*fakeNode{startNode(t, azure, led, seldom), startNode(t, azure, led, seldom)}
		for one := <-led; one.term.Token() < 6; {
			time.Sleep(rand.N(3 * time.Minute))
			require.NoError(t, one.StepDown(t.Context()))
			next := <-led
			assert.NotSame(t, one, next, "it took its own lease back")
			one = next
		}
		for _, n := range nodes {
			n.kill()
			<-n.ended
		}
	})
}

// A release meets few of a large fleet's standbys at once, because each looks at another moment; also after many leaders, each
// of which the others have fallen into step with.
func TestManyStandbys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const standbys, every, rounds = 300, 5 * time.Second, 8
		azure, led := &fakeAzure{}, make(chan lease.Lease)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{}, standbys)
		for i := range standbys {
			go func() {
				defer func() { ended <- struct{}{} }()
				time.Sleep(rand.N(every))
				m := (&link{azure: azure}).manager(t)
				for ctx.Err() == nil {
					wait := every
					held, err := m.Acquire(ctx, request("orders", fmt.Sprint(i)))
					if by, ok := errors.AsType[*lease.HeldError](err); ok {
						wait = by.Info.LookAfter
					} else if err == nil {
						select {
						case led <- held:
						case <-ctx.Done():
						}
					}
					select {
					case <-time.After(wait):
					case <-ctx.Done():
					}
				}
			}()
		}
		m := (&link{azure: azure}).manager(t)
		most := 0
		for range rounds {
			held := <-led
			most = max(most, azure.inVain())
			for range 5 {
				time.Sleep(every - time.Since(held.Acquired)%every)
				_, err := m.Renew(t.Context(), held)
				require.NoError(t, err)
			}
			time.Sleep(rand.N(every))
			azure.inVain()
			require.NoError(t, m.Release(t.Context(), held))
		}
		t.Logf("at most %d writes were in vain after a release", most)
		assert.LessOrEqual(t, most, 30)
		cancel()
		for range standbys {
			<-ended
		}
	})
}
