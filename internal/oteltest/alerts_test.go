package oteltest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// The gauge answers as /standby does, in each state of a node. Where /healthz is content with a node that would not take the lease,
// LeaderStandbyMissing is not.
func TestStandbys(t *testing.T) {
	inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
		manager, sick := memory.New(), atomic.Bool{}
		a := newNode(t, provider, "a", manager)
		b := newNode(t, provider, "b", manager)
		b.health = func() error {
			if sick.Load() {
				return errDown
			}
			return nil
		}
		answers := func(path string) bool {
			w := httptest.NewRecorder()
			leaderhttp.Handler(b.Leader).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
			return w.Code == 200
		}
		bound := boundOf(t, "LeaderStandbyMissing", `< (\d+)$`)
		look := func(what string, standby, healthz bool) {
			t.Helper()
			require.Equal(t, healthz, answers("/healthz"), what)
			require.Equal(t, standby, answers("/standby"), what)
			require.Equal(t, standby, r.value("leader.node.standby", "leader.node.id", "b") == 1, what)
			require.Equal(t, !standby, r.value("leader.term.active")+r.value("leader.node.standby") < bound, what)
		}
		a.run()
		look("before Run", false, false)
		b.run()
		time.Sleep(every)
		look("it waits", true, true)
		require.NoError(t, b.Pause(t.Context()))
		time.Sleep(time.Hour)
		look("it is paused", false, true)
		b.Resume()
		look("it is resumed", true, true)
		sick.Store(true)
		time.Sleep(2 * every)
		look("it is sick", false, false)
		sick.Store(false)
		time.Sleep(2 * every)
		look("it is well", true, true)
		a.end()
		time.Sleep(2 * every)
		require.Equal(t, 1.0, r.value("leader.term.active", "leader.node.id", "b"))
		look("it leads, alone", false, true)
		manager.AssignLeader(name, "somebody else")
		time.Sleep(every + time.Second)
		require.Zero(t, r.value("leader.term.active", "leader.node.id", "b"))
		look("its work has not returned", false, true)
		b.end()
	})
}

// A node that has not heard of the lease shows no token: beside those of others, a zero would be many terms.
func TestToken(t *testing.T) {
	inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
		manager := memory.New()
		a := newNode(t, provider, "a", manager)
		require.Empty(t, r.points("leader.lease.token"))
		a.run()
		require.Equal(t, 1.0, r.value("leader.lease.token"))
		b := newNode(t, provider, "b", manager).run()
		require.Equal(t, 1.0, r.value("leader.lease.token", "leader.node.id", "b"))
		a.end()
		time.Sleep(2 * every)
		require.Equal(t, 2.0, r.value("leader.lease.token", "leader.node.id", "b"))
		b.end()
		require.Empty(t, r.points("leader.lease.token"))
	})
}

// Leadership that goes round is seen, whatever ends the terms. Calm, one failover and an update of a few nodes are not.
func TestLeaderMoves(t *testing.T) {
	fails := func(with error) func(context.Context) error {
		return func(ctx context.Context) error {
			select {
			case <-time.After(10 * time.Second):
				return with
			case <-ctx.Done():
				return nil
			}
		}
	}
	for what, test := range map[string]struct {
		work  func(context.Context) error
		stops int // so many times, after five minutes and then at each minute, the process that leads is stopped, and another begins
		moves bool
	}{
		"calm":                {nil, 0, false},
		"one stops":           {nil, 1, false},
		"an update of four":   {nil, 4, false},
		"an update of twenty": {nil, 20, true},
		"the work steps down": {fails(leader.ErrStepDown), 0, true},
		"the work fails":      {fails(errDown), 0, true},
	} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
				bound, moved := boundOf(t, "LeaderMoves", `\(leader_lease_token\)\[15m:1m\]\) > (\d+)$`), false
				processes := newProcesses(t, provider, test.work)
				var tokens []float64 // at each minute, the greatest that a node shows
				for minute := range 60 {
					time.Sleep(time.Minute)
					processes.restart()
					if minute >= 5 && minute < 5+test.stops {
						processes.stopLeader()
					}
					tokens = append(tokens, r.greatest("leader.lease.token"))
					recent := tokens[max(len(tokens)-15, 0):]
					moved = moved || recent[len(recent)-1]-slices.Min(recent) > bound
				}
				require.Equal(t, test.moves, moved)
				require.Zero(t, r.value("leader.term.losses"), "no lease is lost in all of that")
				processes.end()
			})
		})
	}
}

// processes are three nodes, each in a process that is new whenever it has ended: so each has another ID. They are on one machine, as the
// manager is.
type processes struct {
	t     *testing.T
	nodes []*node
	begin func() *node
}

func newProcesses(t *testing.T, provider *sdk.MeterProvider, work func(context.Context) error) *processes {
	manager, begun, machine := memory.New(), 0, hosttest.New(true)
	p := &processes{t: t, begin: func() *node {
		begun++
		n := newNode(t, provider, "node-"+strconv.Itoa(begun), manager)
		n.work, n.machine = work, machine
		return n.run()
	}}
	p.nodes = []*node{p.begin(), p.begin(), p.begin()}
	return p
}

// restart begins another process in place of each that has ended, as a service manager does.
func (p *processes) restart() {
	for i, n := range p.nodes {
		if len(n.ended) > 0 {
			require.ErrorIs(p.t, <-n.ended, errDown)
			require.NoError(p.t, n.metrics.Close())
			p.nodes[i] = p.begin()
		}
	}
}

func (p *processes) stopLeader() {
	leads := slices.IndexFunc(p.nodes, func(n *node) bool { return n.Status().State == leader.Leading })
	require.GreaterOrEqual(p.t, leads, 0)
	p.nodes[leads].end()
	p.nodes[leads] = p.begin()
}

func (p *processes) end() {
	for _, n := range p.nodes {
		n.stop()
		<-n.ended
		require.NoError(p.t, n.metrics.Close())
	}
}

// The header of the rules says from which length on LeaderStoreSlow can fire: renewals that take longer than its bound are given up before,
// and recorded as shorter, if the lease is shorter.
func TestLeaderStoreSlowCanFire(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operating", "alerts.yaml"))
	require.NoError(t, err)
	claim := regexp.MustCompile(`leases of (\d+) seconds to a minute`).FindStringSubmatch(string(text))
	require.NotNil(t, claim)
	shortest, err := strconv.Atoi(claim[1])
	require.NoError(t, err)
	bound := boundOf(t, "LeaderStoreSlow", `> ([0-9.]+)$`)
	for seconds := 3; seconds <= 60; seconds++ {
		require.Equal(t, seconds >= shortest, longestRenewal(t, time.Duration(seconds)*time.Second).Seconds() > bound, "%d s", seconds)
	}
}

// longestRenewal returns how long a renewal takes at most, as the metrics count it, with the default interval of a length.
func longestRenewal(t *testing.T, length time.Duration) (longest time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		l := leader.New(
			leader.WithLeaseManager(hanging{memory.New()}), leader.WithLeaseLength(length), leader.WithLogger(slog.New(slog.DiscardHandler)),
			leader.WithObserver(func(e leader.Event) {
				if q, ok := e.(leader.RequestEvent); ok && q.Op == leader.OpRenew {
					longest = max(longest, q.Took)
				}
			}),
			leader.WhenStarted(func(ctx context.Context) error { <-ctx.Done(); return nil }),
		)
		time.AfterFunc(length, stop)
		require.NoError(t, l.Run(ctx))
		synctest.Wait()
	})
	return longest
}

// hanging renews nothing.
type hanging struct{ lease.Manager }

func (hanging) Renew(ctx context.Context, _ lease.Lease) (lease.Lease, error) {
	<-ctx.Done()
	return lease.Lease{}, ctx.Err()
}

// boundOf returns the number with which an alert compares; the pattern has it as its group.
func boundOf(t *testing.T, alert, pattern string) float64 {
	t.Helper()
	for _, rule := range rules(t) {
		if rule.Alert == alert {
			found := regexp.MustCompile(pattern).FindStringSubmatch(rule.Expr)
			require.NotNil(t, found, rule.Expr)
			bound, err := strconv.ParseFloat(found[1], 64)
			require.NoError(t, err)
			return bound
		}
	}
	t.Fatalf("there is no alert %s", alert)
	return 0
}
