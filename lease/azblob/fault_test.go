package azblob

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// faults are the faults of a request. To the client they all look alike: there is no answer, or no clear one.
func faults() map[string]wire.Fault {
	return map[string]wire.Fault{
		"cut before":   wire.Cut(wire.Before),
		"cut after":    wire.Cut(wire.After),
		"reset before": wire.Reset(wire.Before),
		"reset after":  wire.Reset(wire.After),
		"stall before": wire.Stall(wire.Before),
		"stall after":  wire.Stall(wire.After),
		// Azurite is never busy: https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
		"busy": wire.Reply(http.StatusServiceUnavailable, http.Header{"X-Ms-Error-Code": {"ServerBusy"}, "X-Ms-Request-Id": {"r-1"}}, ""),
		"slow": wire.Reply(http.StatusInternalServerError, http.Header{"X-Ms-Error-Code": {"OperationTimedOut"}, "X-Ms-Request-Id": {"r-1"}}, ""),
	}
}

// patience is how long a request that stalls is waited for.
const patience = time.Second

// soonAfter returns a context that ends once the request that a fault strikes has had its time. Those before it take as long as they take.
func soonAfter(t *testing.T, struck <-chan struct{}) context.Context {
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		select {
		case <-struck:
			select {
			case <-time.After(patience):
				cancel(context.DeadlineExceeded)
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
	}()
	return ctx
}

// Whichever request of an acquisition fails: the error does not call for giving up, nobody is left with the lease, and
// the next one's token is greater than any that was shown (R5, R6).
func TestFailedAcquisitions(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for name, fault := range faults() {
		for k, request := range []string{"Get Blob", "Put Blob", "Acquire Lease", "Set Blob Metadata"} {
			t.Run(name+" of "+request, func(t *testing.T) {
				t.Parallel()
				lease0 := fmt.Sprintf("new/%s/%s", name, request)
				failOnce(t, p, lease0, k+1, fault)
			})
			if request == "Put Blob" {
				continue
			}
			t.Run(name+" of "+request+", of a lease that there has been", func(t *testing.T) {
				t.Parallel()
				lease1 := fmt.Sprintf("used/%s/%s", name, request)
				m := New(p.Client)
				require.NoError(t, m.Release(t.Context(), acquire(t, m, lease1, "before")))
				failOnce(t, p, lease1, k+1-min(k/2, 1), fault)
			})
		}
	}
}

func failOnce(t *testing.T, p place, name string, k int, fault wire.Fault) {
	broken, proxy := p.proxied(t)
	sound := New(p.Client)
	before, err := lease.Inspect(t.Context(), sound, name)
	require.NoError(t, err)

	struck := proxy.OnRequest(k, fault)
	l, err := broken.Acquire(soonAfter(t, struck), request(name, "broken"))
	select {
	case <-struck:
	default:
		t.Fatalf("the acquisition had no request %d", k)
	}
	require.Error(t, err)
	assert.Zero(t, l)
	assert.NotErrorIs(t, err, lease.ErrMisconfigured)
	assert.NotErrorIs(t, err, lease.ErrHeld)

	shown, err := lease.Inspect(t.Context(), sound, name)
	require.NoError(t, err)
	assert.Equal(t, lease.Free, shown.State)
	next := acquire(t, sound, name, "next")
	assert.Greater(t, next.Token, before.Token)
	if shown.ID != before.ID {
		assert.Greater(t, next.Token, shown.Token)
	}
	_, err = broken.Acquire(t.Context(), request(name, "broken"))
	assert.ErrorIs(t, err, lease.ErrHeld, "there are two holders")
}

// A renewal that fails leaves the lease as it is, to be renewed again (R4). It is lost only if it is.
func TestFailedRenewals(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for name, fault := range faults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, proxy := p.proxied(t)
			held := acquire(t, m, name, "one")
			struck := proxy.OnRequest(1, fault)
			_, err := m.Renew(soonAfter(t, struck), held)
			<-struck
			require.Error(t, err)
			assert.NotErrorIs(t, err, lease.ErrLost)
			assert.NotErrorIs(t, err, lease.ErrMisconfigured)
			again, err := m.Renew(t.Context(), held)
			require.NoError(t, err)
			assert.Equal(t, held, again)
			_, err = New(p.Client).Acquire(t.Context(), request(name, "two"))
			assert.ErrorIs(t, err, lease.ErrHeld)
			require.NoError(t, m.Release(t.Context(), again))
		})
	}
}

// A release that fails may be tried again, until it is done or was done: then the lease is free.
func TestFailedReleases(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for name, fault := range faults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, proxy := p.proxied(t)
			held := acquire(t, m, name, "one")
			struck := proxy.OnRequest(1, fault)
			err := m.Release(soonAfter(t, struck), held)
			<-struck
			require.Error(t, err)
			assert.NotErrorIs(t, err, lease.ErrLost)
			if err = m.Release(t.Context(), held); err != nil {
				lost, ok := errors.AsType[*lease.LostError](err)
				require.True(t, ok, "%v", err)
				assert.Equal(t, lease.LostReleased, lost.Reason)
			}
			assert.Equal(t, held.Token+1, acquire(t, New(p.Client), name, "two").Token)
		})
	}
}

// If it cannot be found out who has taken a lease, it is lost all the same.
func TestLostWithoutALook(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m, proxy := p.proxied(t)
	held := acquire(t, m, "orders", "one")
	require.NoError(t, p.breakLease(t.Context(), held.Name))
	proxy.OnRequest(2, faults()["busy"])
	_, err := m.Renew(t.Context(), held)
	require.ErrorIs(t, err, lease.ErrLost)
	require.ErrorContains(t, err, "ServerBusy")
}

// overtaken acquires a lease with a manager of its making, whose k-th request is under way while something happens.
func (p place) overtaken(t *testing.T, name string, k int, happens func()) (m lease.Manager, late lease.Lease, err error) {
	t.Helper()
	m, proxy := p.proxied(t)
	land, ended := make(chan struct{}), make(chan struct{})
	struck := proxy.OnRequest(k, wire.Hold(wire.Before, land))
	go func() {
		defer close(ended)
		late, err = m.Acquire(t.Context(), request(name, "late"))
	}()
	<-struck
	happens()
	close(land)
	<-ended
	return m, late, err
}

// Whichever request of an acquisition is under way while somebody else's whole term comes and goes: it takes nothing
// from the tokens (R5). Before Set Blob Metadata it has the lease, so that is broken by hand here; else it would have to
// run out.
func TestTermsInBetween(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	sound := New(p.Client)
	for k, name := range map[int]string{2: "Put Blob", 3: "Acquire Lease", 4: "Set Blob Metadata"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var between lease.Lease
			m, late, err := p.overtaken(t, name, k, func() {
				if k == 4 {
					require.NoError(t, p.breakLease(t.Context(), name))
				}
				between = acquire(t, sound, name, "between")
				require.NoError(t, sound.Release(t.Context(), between))
			})
			if k == 4 {
				require.Error(t, err)
			} else {
				require.NoError(t, err)
				require.Equal(t, between.Token+1, late.Token)
				require.NoError(t, m.Release(t.Context(), late))
			}
			require.Greater(t, acquire(t, sound, name, "next").Token, max(between.Token, late.Token))
		})
	}
}

// An acquisition whose request is still under way when its call gives up never gets the lease, and takes no token from
// those who come after it (R6).
func TestAcquisitionsThatLandLate(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	sound := New(p.Client)
	for _, request1 := range []struct {
		name string
		k    int
	}{{"Acquire Lease", 2}, {"Set Blob Metadata", 3}} {
		t.Run(request1.name, func(t *testing.T) {
			t.Parallel()
			name := request1.name
			require.NoError(t, sound.Release(t.Context(), acquire(t, sound, name, "before")))
			m, proxy := p.proxied(t)
			late := make(chan struct{})
			land := sync.OnceFunc(func() { close(late) })
			t.Cleanup(land)
			struck := proxy.OnRequest(request1.k, wire.Hold(wire.Before, late))
			ctx, cancel := context.WithCancel(t.Context())
			failed := make(chan error, 1)
			go func() {
				_, err := m.Acquire(ctx, request(name, "late"))
				failed <- err
			}()
			<-struck
			cancel()
			require.ErrorIs(t, <-failed, context.Canceled)
			land()
			// Its landing shows nowhere, so watch for a while that nothing becomes of it.
			for from := time.Now(); time.Since(from) < 300*time.Millisecond; {
				seen, err := lease.Inspect(t.Context(), sound, name)
				require.NoError(t, err)
				require.Equal(t, lease.Free, seen.State)
				require.Equal(t, "before", seen.Holder)
			}
			require.Equal(t, uint64(2), acquire(t, sound, name, "next").Token)
		})
	}
}

// A lease is given back even where the first attempt to do so fails.
func TestGivingBackIsTriedAgain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m, proxy := p.proxied(t)
	proxy.OnRequest(4, wire.Cut(wire.Before)) // Set Blob Metadata
	proxy.OnRequest(5, wire.Cut(wire.Before)) // Release Lease
	_, err := m.Acquire(t.Context(), request("orders", "one"))
	require.ErrorContains(t, err, "EOF")
	acquire(t, New(p.Client), "orders", "two")
}

// A service that is busy is not pressed: of an acquisition that fails for that, few requests come.
func TestABusyServiceIsNotPressed(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for k, want := range map[int]int{1: 1, 2: 3, 3: 4} { // the failure, and one Release Lease if Acquire Lease was sent
		connection, proxy := proxiedConnection(t)
		counter := &wire.Counter{}
		m := New(p.client(t, connection, counter))
		name := fmt.Sprint("orders-", k)
		require.NoError(t, m.Release(t.Context(), acquire(t, m, name, "before")))
		before := len(counter.Requests())
		for i := 1; i < k; i++ {
			proxy.OnRequest(i, wire.Delay(wire.Before, 0))
		}
		proxy.OnEvery(faults()["busy"])
		_, err := m.Acquire(t.Context(), request(name, "one"))
		require.ErrorContains(t, err, "ServerBusy")
		sent := len(counter.Requests()) - before
		require.Equal(t, want, sent, "request %d failed", k)
	}
}

// The call returns in time also where nothing can be given back.
func TestGivingBackIsBounded(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m, proxy := p.proxied(t)
	proxy.OnRequest(1, wire.Delay(wire.Before, 0))
	proxy.OnRequest(2, wire.Delay(wire.Before, 0))
	proxy.OnEvery(wire.Stall(wire.Before))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	from := time.Now()
	_, err := m.Acquire(ctx, request("orders", "one"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(from), patience+6*time.Second)
}

// Twenty at a time, again and again: one gets it, and each token is greater than the one before (R5). The others are
// told that it is held.
func TestRacingAcquirers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	const racers = 20
	managers := make([]lease.Manager, racers)
	for i := range managers {
		managers[i] = New(p.client(t, connectionString(), nil))
	}
	last := uint64(0)
	for range 5 {
		var leases [racers]lease.Lease
		var errs [racers]error
		var all sync.WaitGroup
		for i, m := range managers {
			all.Go(func() { leases[i], errs[i] = m.Acquire(t.Context(), request("orders", fmt.Sprint("racer-", i))) })
		}
		all.Wait()
		winner := -1
		for i, err := range errs {
			if err == nil {
				require.Equal(t, -1, winner, "two hold the lease")
				winner = i
				continue
			}
			require.ErrorIs(t, err, lease.ErrHeld)
		}
		require.GreaterOrEqual(t, winner, 0, "nobody got the lease")
		require.Equal(t, last+1, leases[winner].Token)
		last = leases[winner].Token
		require.NoError(t, managers[winner].Release(t.Context(), leases[winner]))
	}
}
