package dynamodb

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

const (
	leaseLength = 9 * time.Second
	renewEvery  = leaseLength / 4
)

// TestLeaders has the tests that measure real time. They run before those that keep the emulator busy, and their leases
// are long enough for a slow machine.
func TestLeaders(t *testing.T) {
	atOnce(t, map[string]func(*testing.T){
		"scenario": testScenario, "faults": testLeaderSurvivesFaults, "damage": testDamage,
	}, func(t *testing.T, test func(*testing.T)) { test(t) })
}

// A candidate is a leader.Leader that runs.
type candidate struct {
	t       *testing.T
	started chan lease.Term
	lost    chan error         // why a work's context ended
	asked   chan requestResult // every request of the leader
	stop    func() error       // ends the run, and returns what it says
}

type requestResult struct {
	op  leader.Op
	err error
}

func campaign(t *testing.T, m lease.Manager, name, node string) *candidate {
	t.Helper()
	c := &candidate{t: t, started: make(chan lease.Term, 100), lost: make(chan error, 100), asked: make(chan requestResult, 1000)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() {
		done <- leader.New(
			leader.WithLeaseManager(m), leader.WithLeaseName(name), leader.WithNodeID(node),
			leader.WithLeaseLength(leaseLength), leader.WithRenewEvery(renewEvery), leader.WithAcquireEvery(renewEvery/2),
			leader.WithLogger(slog.New(slog.DiscardHandler)),
			leader.WithObserver(func(e leader.Event) {
				if r, ok := e.(leader.RequestEvent); ok {
					c.asked <- requestResult{r.Op, r.Err}
				}
			}),
			leader.WhenStarted(func(ctx context.Context) error {
				term, _ := leader.TermFrom(ctx)
				c.started <- term
				<-ctx.Done()
				c.lost <- context.Cause(ctx)
				return ctx.Err()
			}),
		).Run(ctx)
	}()
	c.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = c.stop() })
	return c
}

// leads waits for the next term.
func (c *candidate) leads() lease.Term {
	c.t.Helper()
	select {
	case term := <-c.started:
		return term
	case err := <-c.lost:
		c.t.Fatalf("the term has ended: %v", err)
	case <-soon(c.t).Done():
		c.t.Fatal("does not lead")
	}
	return lease.Term{}
}

// renews waits for n renewals that succeed, in one term.
func (c *candidate) renews(n int) {
	c.t.Helper()
	for n > 0 {
		select {
		case r := <-c.asked:
			if r.op == leader.OpRenew && r.err == nil {
				n--
			}
		case err := <-c.lost:
			c.t.Fatalf("the term has ended: %v", err)
		case <-soon(c.t).Done():
			c.t.Fatal("does not renew")
		}
	}
}

// loses waits for the end of the term.
func (c *candidate) loses(reason lease.LostReason) {
	c.t.Helper()
	select {
	case err := <-c.lost:
		lost, ok := errors.AsType[*lease.LostError](err)
		require.True(c.t, ok, "%v", err)
		assert.Equal(c.t, reason, lost.Reason, "%v", err)
	case <-soon(c.t).Done():
		c.t.Fatal("still leads")
	}
}

// fails waits for a request of the kind that ends in the error.
func (c *candidate) fails(op leader.Op, want error) {
	c.t.Helper()
	for {
		select {
		case r := <-c.asked:
			if r.op == op && errors.Is(r.err, want) {
				return
			}
		case <-soon(c.t).Done():
			c.t.Fatalf("no %s that ends in %v", op, want)
		}
	}
}
