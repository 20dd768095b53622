//go:build unix

package guard

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/cloudlease/leader/cmd/leader/internal/logs"
	"github.com/cloudlease/leader/internal/patience"
	"github.com/cloudlease/leader/lease"
)

// settle waits after the program, and all that it started, has ended. The guard stays while the lease may be this
// term's. Leader releases that, and ends this process; if leader is dead, the guard releases it.
//
// It does so only while the term surely lasts, by its own count (R2, R3). Release itself is harmless however late it is (R6):
// it is bound to this acquisition's ID, so it takes nothing from anybody, and a renewal that leader has sent just before its
// death either comes before it, and is released as well, or is refused.
func (g *guard) settle() {
	if g.Keep && g.done || g.Lease.ID == "" {
		return
	}
	for tick := time.NewTicker(lease.SampleEvery); g.orders != nil && g.remaining() > 0; g.sample() { // R3
		select {
		case _, ok := <-g.orders:
			if !ok {
				g.orders = nil
			}
		case <-tick.C:
		}
	}
	if g.remaining() <= 0 {
		return
	}
	log := logs.New(os.Stderr, g.Logs).With(slog.String("lease", g.Lease.Name), slog.String("node", g.Lease.Holder), slog.Uint64("token", g.Lease.Token))
	switch err := g.release(); {
	case err == nil:
		logs.Soon(func() { log.Warn("leader was killed: its guard has ended the program and released the lease") })
	case !errors.Is(err, lease.ErrLost):
		logs.Soon(func() {
			log.Warn("leader was killed: its guard has ended the program, but could not release the lease, which runs out", "err", err)
		})
	}
}

var errOver = errors.New("the term is over")

// release tries as long as the term lasts.
func (g *guard) release() error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), g.remaining(), errOver)
	defer cancel()
	m, err := lease.Open(ctx, g.Store)
	if err != nil {
		return err
	}
	err = errOver
	for pause := max(g.Lease.Length/60, lease.LimitsOf(m).WriteEvery); g.remaining() > 0; {
		attempt, done := context.WithTimeout(ctx, g.Lease.Length/4)
		err = m.Release(attempt, g.Lease)
		done()
		if err == nil || errors.Is(err, lease.ErrLost) || !patience.Wait(ctx, pause) {
			return err
		}
	}
	return err
}
