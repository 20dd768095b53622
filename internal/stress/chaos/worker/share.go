//go:build unix

package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/internal/stress/chaos"
	"github.com/cloudlease/leader/lease"
)

// A share is this process's in a fleet.
type share struct {
	work                     // of each part
	register, journal string // files: the part's name ends them
	parts             int
	length, interval  time.Duration
}

func (s share) run(ctx context.Context, node string, manager lease.Manager, logger *slog.Logger) error {
	if s.interval == 0 {
		s.interval = s.length / 3
	}
	f := fleet.New(
		fleet.WithLeaseManager(manager),
		fleet.WithName("chaos"),
		fleet.WithNodeID(node),
		fleet.WithLeaseLength(s.length),
		fleet.WithInterval(s.interval),
		fleet.WithCalm(s.interval), // so parts move for balance as often as that allows
		fleet.WithShards(s.parts),
		fleet.WithLogger(logger),
		fleet.WithObserver(tellFleetEvent),
		fleet.WhenAssigned(s.lead),
	)
	hearing, deafen := context.WithCancel(context.Background())
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		s.tellWhatIsHeard(hearing, f)
	}()
	err := f.Run(ctx)
	deafen()
	<-heard
	return err
}

// lead is the work of one term of a part.
func (s share) lead(ctx context.Context, part string) error {
	w := s.work
	w.part = part
	if err := w.open(s.register+"."+part, s.journal+"."+part); err != nil {
		return err
	}
	defer w.close() // each write is in the file, or is not
	return w.lead(ctx)
}

// tellWhatIsHeard tells when this node has a seat and has read the plan of late: then the store answers it.
func (s share) tellWhatIsHeard(ctx context.Context, f *fleet.Fleet) {
	tick := time.NewTicker(s.interval / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if now := f.Status(); now.Seat > 0 && now.Epoch > 0 {
				chaos.Message{Did: chaos.Renews, At: chaos.Now() - now.Heard}.Tell()
			}
		}
	}
}

func tellFleetEvent(e fleet.Event) {
	if e, ok := e.(fleet.CoordinatorEvent); ok && e.Coordinates {
		chaos.Message{Did: chaos.Presides, Token: e.Token}.Tell()
	}
}
