package fleets

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cloudlease/leader/bench/internal/peer"
	"github.com/cloudlease/leader/bench/internal/service"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
)

// patience is how long a fleet may take to its balance.
const patience = 5 * time.Minute

// tries is how often requests are counted until no part moves meanwhile.
const tries = 8

// A crew has the nodes of a fleet, each with a manager and connections for itself.
type crew struct {
	name     string
	nodes    []*fleet.Fleet
	managers []lease.Manager
	running  sync.WaitGroup
	results  []error
	stop     context.CancelFunc
}

// start starts all nodes at once.
func start(ctx context.Context, p peer.Peer, endpoint string) (*crew, error) {
	ctx, stop := context.WithCancel(ctx)
	c := &crew{name: fmt.Sprintf("fleet-%d", rand.Uint32()), stop: stop, results: make([]error, nodes)}
	for range nodes {
		m, err := p.Open(ctx, peer.Config{Endpoint: endpoint})
		if err != nil {
			stop()
			return nil, err
		}
		c.managers = append(c.managers, m)
	}
	for i, m := range c.managers {
		c.nodes = append(c.nodes, fleet.New(
			fleet.WithLeaseManager(m),
			fleet.WithName(c.name),
			fleet.WithNodeID(fmt.Sprintf("node-%d", i)),
			fleet.WithShards(parts),
			fleet.WithLeaseLength(length),
			fleet.WithDrainTimeout(time.Second), // in the end, all leave
			fleet.WithLogger(slog.New(slog.DiscardHandler)),
			fleet.WhenAssigned(func(ctx context.Context, _ string) error { <-ctx.Done(); return nil }),
		))
		c.running.Go(func() { c.results[i] = c.nodes[i].Run(ctx) })
	}
	return c, nil
}

// settle waits until each node works on as many parts as it should, and until the calm after that is over.
func (c *crew) settle(ctx context.Context) error {
	for began := time.Now(); !c.inBalance(); {
		if time.Since(began) > patience {
			return fmt.Errorf("it is not in balance after %v", patience)
		}
		if err := service.Pause(ctx, time.Second); err != nil {
			return err
		}
	}
	return service.Pause(ctx, 3*length)
}

func (c *crew) inBalance() bool {
	for _, node := range c.nodes {
		working := 0
		for _, p := range node.Status().Parts {
			if p.State == fleet.Working {
				working++
			}
		}
		if working != parts/nodes {
			return false
		}
	}
	return true
}

// end stops all nodes, and returns what went wrong.
func (c *crew) end() error {
	c.stop()
	c.running.Wait()
	err := errors.Join(c.results...)
	for _, m := range c.managers {
		if failed := lease.Close(m); !errors.Is(failed, errors.ErrUnsupported) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// watch counts what a fleet sends to a service.
func watch(ctx context.Context, o Options, services *service.Services, p peer.Peer) (w Wire, err error) {
	c, err := start(ctx, p, services.Endpoint(p.Service))
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	o.Log("%s: %d nodes divide %d parts", p.Name, nodes, parts)
	if err := c.settle(ctx); err != nil {
		return w, err
	}
	for range tries {
		overview, err := fleet.Inspect(ctx, c.managers[0], c.name)
		if err != nil {
			return w, err
		}
		o.Log("%s: in balance; requests are counted for %v", p.Name, o.Window)
		if w, err = count(ctx, o, services, p); err != nil {
			return w, err
		}
		later, err := fleet.Inspect(ctx, c.managers[0], c.name)
		if err != nil {
			return w, err
		}
		if later.Epoch == overview.Epoch {
			w.Width, w.PlanBytes = later.Width, len(later.Coordinator.Value)
			return w, nil
		}
		o.Log("%s: parts have moved meanwhile, as the machine is busy: once more", p.Name)
		if err := c.settle(ctx); err != nil {
			return w, err
		}
	}
	return w, fmt.Errorf("parts moved %d times while its requests were counted: the machine is too slow for its leases", tries)
}

// count counts all requests in the window.
func count(ctx context.Context, o Options, services *service.Services, p peer.Peer) (Wire, error) {
	began, before := time.Now(), services.Counts(p.Service)
	if err := service.Pause(ctx, o.Window); err != nil {
		return Wire{}, err
	}
	after := services.Counts(p.Service)
	w := Wire{
		Name: p.Name, Service: p.Service, Window: time.Since(began).Seconds(), Names: map[string]int{},
		Writes: after.Writes - before.Writes, Reads: after.Reads - before.Reads, Others: after.Others - before.Others,
	}
	for name, n := range after.ByName {
		if n -= before.ByName[name]; n > 0 {
			w.Names[name] = n
		}
	}
	return w, nil
}
