package scenario

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// Latency delays every answer to the slow manager by five seconds, through its proxy, and takes it through one term: nothing
// is lost, nobody else gets the lease, and nothing is left behind.
func Latency(t testing.TB, name string, proxy *wire.Proxy, slow, healthy lease.Manager) {
	t.Helper()
	const latency = 5 * time.Second
	proxy.OnEvery(wire.Delay(wire.After, latency))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	request := lease.Request{Name: name, Holder: "slow", Length: time.Minute}
	began, sent := time.Now(), lease.Now(ctx)
	held, err := slow.Acquire(ctx, request)
	if err != nil || time.Since(began) < latency {
		t.Fatalf("Acquire, after %v: %v; want the lease, after %v at least", time.Since(began), err, latency)
	}
	termCtx, keeper := lease.StartTerm(ctx, held, sent)
	term, _ := lease.TermFrom(termCtx)
	defer keeper.End(nil)
	if _, err := healthy.Acquire(ctx, request); !errors.Is(err, lease.ErrHeld) {
		t.Errorf("Acquire by another: %v; want ErrHeld", err)
	}
	sent = lease.Now(ctx)
	held, err = slow.Renew(ctx, held)
	if err != nil {
		t.Fatalf("Renew: %v", err)
	}
	keeper.Extend(held, sent)
	if err := term.Check(); err != nil {
		t.Errorf("Check: %v", err)
	}
	keeper.End(nil)
	if err := slow.Release(ctx, held); err != nil {
		t.Errorf("Release: %v", err)
	}
	next, err := healthy.Acquire(ctx, request)
	if err != nil || next.Token <= held.Token {
		t.Errorf("Acquire after the release: token %d, %v; want more than %d, at once", next.Token, err, held.Token)
	}
}
