package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

const throttled = `{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"made up"}`

var faults = map[string]wire.Fault{
	"cut before":   wire.Cut(wire.Before),
	"cut after":    wire.Cut(wire.After),
	"reset before": wire.Reset(wire.Before),
	"reset after":  wire.Reset(wire.After),
	"stall before": wire.Stall(wire.Before),
	"stall after":  wire.Stall(wire.After),
	"overloaded":   wire.Reply(503, headerOf(""), ""),
	"throttled":    wire.Reply(400, headerOf(throttled), throttled),
}

// atOnce runs the cases side by side, as they wait more than they work.
func atOnce[C any](t *testing.T, cases map[string]C, run func(*testing.T, C)) {
	var all sync.WaitGroup
	for name, c := range cases {
		all.Go(func() { t.Run(name, func(t *testing.T) { run(t, c) }) })
	}
	all.Wait()
}

// Whichever request of an acquisition, a renewal or a release is broken, in whatever way, and whether or not the SDK
// tries again by itself: the same call made again succeeds, nothing is lost, and in the end the lease is free.
func TestFaultAtEachRequest(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	table := newTable(t, client)
	type attempt struct {
		fault    wire.Fault
		attempts int // of the SDK
	}
	cases := map[string]attempt{}
	for name, fault := range faults {
		cases[name] = attempt{fault, 0}
		cases[name+", no retries"] = attempt{fault, 1}
	}
	atOnce(t, cases, func(t *testing.T, c attempt) {
		p, through := proxied(t)
		broken, _ := newClient(t, through, func(o *sdk.Options) { o.RetryMaxAttempts = c.attempts })
		m, other := New(broken, table), New(client, table)
		k := 1
		for ; ; k++ {
			name := fmt.Sprintf("%s/%d", t.Name(), k)
			struck := p.OnRequest(k, c.fault)
			oneTerm(t, m, name)
			l, err := other.Acquire(soon(t), request(name, "other", time.Minute))
			require.NoError(t, err, "the lease is leaked")
			assert.Greater(t, l.Token, uint64(1))
			p.Heal()
			select {
			case <-struck:
				continue
			default:
			}
			break // there are fewer requests than k
		}
		assert.GreaterOrEqual(t, k, 5, "an acquisition, a renewal and a release are four requests")
	})
}

// oneTerm acquires, renews and releases a lease, and makes each call again until it succeeds.
func oneTerm(t *testing.T, m lease.Manager, name string) {
	t.Helper()
	var held lease.Lease
	for n, call := range []func(ctx context.Context) error{
		func(ctx context.Context) (err error) {
			held, err = m.Acquire(ctx, request(name, "h", time.Minute))
			return err
		},
		func(ctx context.Context) error {
			renewed, err := m.Renew(ctx, held)
			if err == nil {
				held = renewed
			}
			return err
		},
		func(ctx context.Context) error {
			err := m.Release(ctx, held)
			if lost, ok := errors.AsType[*lease.LostError](err); ok && lost.Reason == lease.LostReleased {
				return nil // by the call before
			}
			return err
		},
	} {
		for tries := 1; ; tries++ {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			err := call(ctx)
			cancel()
			if err == nil {
				break
			}
			require.NotErrorIs(t, err, lease.ErrHeld, "call %d", n)
			require.NotErrorIs(t, err, lease.ErrLost, "call %d", n)
			require.NotErrorIs(t, err, lease.ErrMisconfigured, "call %d", n)
			require.Less(t, tries, 10, "call %d: %v", n, err)
		}
	}
}

// A leader whose requests are broken, one at a time, leads on; when it has stopped, the next one leads.
func testLeaderSurvivesFaults(t *testing.T) {
	client, _ := newClient(t)
	table := newTable(t, client)
	type broken struct {
		fault wire.Fault
		k     int // the request: reading, acquiring, renewing, renewing; 0: the release
	}
	cases := map[string]broken{}
	for _, name := range []string{"cut after", "stall before", "stall after"} {
		for k := range 5 {
			cases[fmt.Sprintf("%s, request %d", name, k)] = broken{faults[name], k}
		}
	}
	atOnce(t, cases, func(t *testing.T, c broken) {
		name := t.Name()
		p, through := proxied(t)
		own, _ := newClient(t, through)
		var struck <-chan struct{}
		if c.k > 0 {
			struck = p.OnRequest(c.k, c.fault)
		}
		a := campaign(t, New(own, table), name, "a")
		first := a.leads()
		b := campaign(t, New(client, table), name, "b")
		a.renews(2)
		require.NoError(t, first.Check())
		if c.k == 0 {
			struck = p.OnRequest(1, c.fault)
		}
		require.NoError(t, a.stop())
		<-struck
		info, err := lease.Inspect(soon(t), New(client, table), name)
		require.NoError(t, err)
		if c.k != 0 { // a release that hangs is given up, and the lease runs out
			assert.True(t, info.State == lease.Free || info.Holder == "b", "a has stopped and left the lease behind: %+v", info)
		}
		second := b.leads()
		require.Error(t, first.Check(), "two lead")
		assert.Greater(t, second.Token(), first.Token())
	})
}

// Requests that nobody waits for any more land late, and change nothing.
func TestLateWrites(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	table := newTable(t, client)
	// late holds the k-th request of a manager back. land has the service carry it out, and waits for that.
	late := func(t *testing.T, k int) (m lease.Manager, land func()) {
		behind, _ := proxied(t)
		p := wire.NewProxy(t, behind.URL())
		url := p.URL()
		own, _ := newClient(t, func(o *sdk.Options) { o.BaseEndpoint, o.RetryMaxAttempts = &url, 1 })
		held := make(chan struct{})
		p.OnRequest(k, wire.Hold(wire.Before, held))
		return New(own, table), func() {
			done := behind.OnRequest(1, wire.Delay(wire.After, 0))
			close(held)
			<-done
		}
	}
	hurried := func(t *testing.T, call func(ctx context.Context) error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, call(ctx), context.DeadlineExceeded)
	}
	other := New(client, table)

	t.Run("acquisition", func(t *testing.T) {
		t.Parallel()
		m, land := late(t, 2)
		hurried(t, func(ctx context.Context) error {
			_, err := m.Acquire(ctx, request("acquisition", "h", time.Minute))
			return err
		})
		land()
		_, err := other.Acquire(soon(t), request("acquisition", "other", time.Minute))
		require.ErrorIs(t, err, lease.ErrHeld, "nobody else can know that it is dead")
		l, err := m.Acquire(soon(t), request("acquisition", "h", time.Minute))
		require.NoError(t, err, "R6: its manager does")
		assert.Equal(t, uint64(2), l.Token)
	})
	t.Run("acquisition, when somebody else holds the lease", func(t *testing.T) {
		t.Parallel()
		m, land := late(t, 2)
		hurried(t, func(ctx context.Context) error {
			_, err := m.Acquire(ctx, request("taken", "h", time.Minute))
			return err
		})
		l, err := other.Acquire(soon(t), request("taken", "other", time.Minute))
		require.NoError(t, err)
		land()
		_, err = other.Renew(soon(t), l)
		require.NoError(t, err)
	})
	t.Run("renewal", func(t *testing.T) {
		t.Parallel()
		m, land := late(t, 3)
		l, err := m.Acquire(soon(t), request("renewal", "h", time.Minute))
		require.NoError(t, err)
		hurried(t, func(ctx context.Context) error { _, err := m.Renew(ctx, l); return err })
		require.NoError(t, m.Release(soon(t), l))
		land()
		_, err = other.Acquire(soon(t), request("renewal", "other", time.Minute))
		require.NoError(t, err)
	})
	t.Run("release", func(t *testing.T) {
		t.Parallel()
		m, land := late(t, 3)
		l, err := m.Acquire(soon(t), request("release", "h", time.Minute))
		require.NoError(t, err)
		hurried(t, func(ctx context.Context) error { return m.Release(ctx, l) })
		require.NoError(t, m.Release(soon(t), l))
		taken, err := other.Acquire(soon(t), request("release", "other", time.Minute))
		require.NoError(t, err)
		land()
		_, err = other.Renew(soon(t), taken)
		require.NoError(t, err, "the late release was of another lease")
	})
}

// A table that hangs does not keep a call beyond its context.
func TestStalledTable(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	table := newTable(t, client)
	for _, stage := range []wire.Stage{wire.Before, wire.After} {
		p, through := proxied(t)
		own, _ := newClient(t, through)
		p.OnEvery(wire.Stall(stage))
		s := NewStore(own, table)
		ctx, cancel := context.WithCancel(t.Context())
		struck := p.OnRequest(1, wire.Stall(stage))
		failed := make(chan error, 1)
		go func() {
			_, err := s.Load(ctx, "a")
			failed <- err
		}()
		<-struck
		cancel()
		select {
		case err := <-failed:
			require.ErrorIs(t, err, context.Canceled)
			assert.False(t, errors.Is(err, lease.ErrMisconfigured))
		case <-soon(t).Done():
			t.Fatal("Load does not return")
		}
	}
}
