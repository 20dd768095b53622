package gcs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

const unavailable = `{"error":{"code":503,"message":"We encountered an internal error. Please try again.","errors":[` +
	`{"message":"We encountered an internal error. Please try again.","domain":"global","reason":"backendError"}]}}`

const tooOften = `{"error":{"code":429,"message":"The object exceeded the rate limit for object mutation operations (create, ` +
	`update, and delete). Please reduce your request rate.","errors":[{"message":"...","domain":"usageLimits","reason":"rateLimitExceeded"}]}}`

// faults are all ways in which a request is broken. What is late lands once the channel is closed, when its sender has
// given it up.
func faults(late <-chan struct{}) map[string]wire.Fault {
	return map[string]wire.Fault{
		"cut before":   wire.Cut(wire.Before),
		"cut after":    wire.Cut(wire.After),
		"reset before": wire.Reset(wire.Before),
		"reset after":  wire.Reset(wire.After),
		"stall before": wire.Stall(wire.Before),
		"stall after":  wire.Stall(wire.After),
		"late":         wire.Hold(wire.Before, late),
		"503":          wire.Reply(503, nil, unavailable), // which the emulator never says, nor 429
		"429":          wire.Reply(429, nil, tooOften),
	}
}

// A trial has a manager whose requests are broken, and another one.
type trial struct {
	*testing.T
	proxy   *wire.Proxy
	m       lease.Manager
	other   lease.Manager
	req     lease.Request
	fault   wire.Fault
	hangs   bool          // nobody answers, so the call is given up
	request int           // which of the call's is broken
	late    chan struct{} // closed by land
}

// land lets what is late go on.
func (r *trial) land() {
	if r.late != nil {
		close(r.late)
		r.late = nil
	}
}

// attempt calls once. A call that the fault leaves without an answer is given up as soon as it has struck.
func (r *trial) attempt(struck <-chan struct{}, call func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	if r.hangs {
		go func() {
			select {
			case <-struck:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	return call(ctx)
}

// until calls until it succeeds. What is broken is broken the first time. A failure leaves open what has happened, but
// the lease is not lost.
func (r *trial) until(call func(ctx context.Context) error) {
	r.Helper()
	struck := r.proxy.OnRequest(r.request, r.fault)
	for deadline := time.Now().Add(30 * time.Second); ; {
		err := r.attempt(struck, call)
		if err == nil {
			break
		}
		require.NotErrorIs(r, err, lease.ErrMisconfigured)
		require.NotErrorIs(r, err, lease.ErrHeld)
		if !errors.Is(err, lease.ErrLost) {
			require.True(r, time.Now().Before(deadline), "%v", err)
			r.stillHeld()
			select {
			case <-struck:
				r.hangs = false // the next attempt is not to be given up
			default:
			}
			continue
		}
		var lost *lease.LostError // of a release, which had happened
		require.ErrorAs(r, err, &lost)
		require.Equal(r, lease.LostReleased, lost.Reason)
		break
	}
	soon(r, "the fault", struck, 0)
}

// stillHeld fails if another manager gets the lease, unless it is being released.
func (r *trial) stillHeld() {
	info, err := lease.Inspect(r.Context(), r.other, r.req.Name)
	require.NoError(r, err)
	if info.State != lease.Free {
		_, err = r.other.Acquire(r.Context(), r.req)
		require.ErrorIs(r, err, lease.ErrHeld)
	}
}

// acquires: an acquisition fails. It is dead, and the lease is somebody else's at the latest when its length is over.
func (r *trial) acquires() {
	r.req.Length = time.Second
	struck := r.proxy.OnRequest(r.request, r.fault)
	err := r.attempt(struck, func(ctx context.Context) error { _, err := r.m.Acquire(ctx, r.req); return err })
	require.Error(r, err)
	for _, kind := range []error{lease.ErrHeld, lease.ErrMisconfigured, lease.ErrLost, lease.ErrRecord} {
		require.NotErrorIs(r, err, kind)
	}
	soon(r, "the fault", struck, 0)
	r.land()

	r.req.Length = time.Minute
	var next lease.Lease
	eventually(r, "the lease is somebody else's", time.Second, func() bool {
		next, err = r.other.Acquire(r.Context(), r.req)
		if err != nil {
			require.ErrorIs(r, err, lease.ErrHeld)
		}
		return err == nil
	})
	r.keeps(next)
}

// keeps: nothing that was sent before takes the lease from its holder.
func (r *trial) keeps(l lease.Lease) {
	var err error
	for range 3 {
		l, err = r.other.Renew(r.Context(), l)
		require.NoError(r, err)
	}
	require.NoError(r, r.other.Release(r.Context(), l))
}

func (r *trial) holds() lease.Lease {
	held, err := r.m.Acquire(r.Context(), r.req)
	require.NoError(r, err)
	return held
}

// renews: the holder keeps its lease.
func (r *trial) renews() {
	held := r.holds()
	r.until(func(ctx context.Context) error {
		now, err := r.m.Renew(ctx, held)
		if err == nil {
			require.Equal(r, [2]any{held.ID, held.Token}, [2]any{now.ID, now.Token})
			held = now
		}
		return err
	})
	r.land()
	held, err := r.m.Renew(r.Context(), held)
	require.NoError(r, err)
	r.stillHeld()
	require.NoError(r, r.m.Release(r.Context(), held))
}

// releases: the lease is somebody else's at once.
func (r *trial) releases() {
	held := r.holds()
	r.until(func(ctx context.Context) error { return r.m.Release(ctx, held) })
	next, err := r.other.Acquire(r.Context(), r.req)
	require.NoError(r, err)
	require.Equal(r, held.Token+1, next.Token)
	r.land()
	r.keeps(next)
}

// Every request of every call is broken in turn, in every way; also those that follow from a renewal or a release whose
// answer was lost: the conflict with it, the look at it, and the next write.
func TestFaultsOfCalls(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	type broken struct {
		how     string
		request int
		lost    bool // the answer before
		call    func(*trial)
	}
	cases := map[string]broken{}
	for how := range faults(nil) {
		for i, what := range []string{"read", "write"} {
			cases["acquire/"+what+"/"+how] = broken{how, i + 1, false, (*trial).acquires}
		}
		for i, what := range []string{"write", "conflict", "read", "write again"} {
			cases["renew/"+what+"/"+how] = broken{how, i + 1, i > 0, (*trial).renews}
			if i < 3 { // a release whose answer was lost finds out that it happened
				cases["release/"+what+"/"+how] = broken{how, i + 1, i > 0, (*trial).releases}
			}
		}
	}
	atOnce(t, cases, func(t *testing.T, c broken) {
		proxy, client := newProxy(t)
		late := make(chan struct{})
		r := &trial{
			T: t, proxy: proxy, m: New(client, bucket), other: New(connect(t), bucket), late: late,
			req:   lease.Request{Name: t.Name(), Holder: "me", Length: time.Minute},
			fault: faults(late)[c.how], hangs: c.how == "late" || strings.HasPrefix(c.how, "stall"), request: c.request,
		}
		defer r.land()
		if c.lost {
			proxy.OnRequest(3, wire.Cut(wire.After)) // the first after the two of an acquisition
		}
		c.call(r)
	})
}

// A leader's requests are broken in every way, one after the other, while a standby waits: its term is not lost, and no
// two hold at once. When it is stopped, its lease is released.
func TestLeaderSurvivesFaults(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	const length = 2 * (slack + every) // a takeover within slack follows from a release
	byLeader := map[string][]string{}
	i := 0
	for how := range faults(nil) {
		i++
		leader := fmt.Sprint(i % 3)
		byLeader[leader] = append(byLeader[leader], how)
	}
	atOnce(t, byLeader, func(t *testing.T, hows []string) {
		proxy, client := newProxy(t)
		name := strings.ReplaceAll(t.Name(), "/", "-")
		a := newNode(t, New(client, bucket), name, "a", length)
		first := a.leads(every)
		healthy := New(connect(t), bucket)
		b := newNode(t, healthy, name, "b", length)
		watched := watch(t, a, b)
		for _, how := range hows {
			late := make(chan struct{})
			soon(t, how, proxy.OnRequest(1, faults(late)[how]), every)
			a.renews(1)
			close(late)
			a.renews(1)
			require.Empty(t, a.ended, "a term was lost before its deadline")
			require.NoError(t, first.Check())
		}
		a.cancel()
		second := b.leads(every)
		assert.Greater(t, second.Token(), first.Token(), "S2")
		b.stop()
		watched()
		info, err := lease.Inspect(t.Context(), healthy, name)
		require.NoError(t, err)
		if failed := b.release.Load(); failed != nil && errors.Is(*failed, context.DeadlineExceeded) {
			t.Logf("the emulator stalled while b gave the lease back: %v", *failed)
			return
		}
		assert.Equal(t, lease.Free, info.State, "a lease was left behind: %+v", info)
	})
}

// watch keeps S1, until the function that it returns is called: no two terms hold at once.
func watch(t testing.TB, nodes ...*node) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for ; ctx.Err() == nil; <-ticker.C {
			var terms []lease.Term
			for _, n := range nodes {
				if term := n.Status().Term; term.Check() == nil {
					terms = append(terms, term)
				}
			}
			hold := 0
			for _, term := range terms { // one look after the other shows two terms that follow each other; but not twice
				if term.Check() == nil {
					hold++
				}
			}
			if hold > 1 {
				t.Errorf("S1: two terms hold at the same time")
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
