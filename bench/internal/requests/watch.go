package requests

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/cloudlease/leader/bench/internal/peer"
	"github.com/cloudlease/leader/bench/internal/service"
)

// watch counts what a peer sends: as it acquires and releases, as it leads alone, and with standbys.
func watch(ctx context.Context, o Options, here place, p peer.Peer, endpoint string) (Watch, error) {
	length := reference
	if p.Ours && p.Service != "azure" { // Azure has no shorter leases
		length = scaled
	}
	w := Watch{
		Key: p.Key, Name: p.Name, Service: p.Service, Ours: p.Ours, Notes: p.Notes,
		Length: length.Seconds(), Lengths: float64(o.Window) / float64(length), Standbys: o.Standbys,
		Renew: p.RenewEvery(length).Seconds(),
	}
	if p.AcquireEvery != nil {
		w.Poll = p.AcquireEvery(length).Seconds()
	}
	config := peer.Config{
		Endpoint: endpoint, Length: length,
		Lease: fmt.Sprintf("requests-%s-%d", p.Key, rand.Uint32()),
	}
	for i := range o.Cycles {
		o.Log("%s: acquisition and release %d of %d", p.Name, i+1, o.Cycles)
		acquire, release, err := cycle(ctx, here, p, config)
		if err != nil {
			return w, err
		}
		w.Acquire, w.Release = append(w.Acquire, acquire), append(w.Release, release)
	}
	return w, w.steady(ctx, o, here, p, config)
}

// cycle makes a node acquire the lease, and release it.
func cycle(ctx context.Context, here place, p peer.Peer, c peer.Config) (acquire, release Count, err error) {
	before, err := here.settled(ctx)
	if err != nil {
		return acquire, release, err
	}
	n := start(ctx, p, c, 0)
	if err := n.lead(ctx); err != nil {
		return acquire, release, errors.Join(err, n.stop())
	}
	leading, err := here.settled(ctx)
	if err != nil {
		return acquire, release, errors.Join(err, n.stop())
	}
	if err := n.stop(); err != nil {
		return acquire, release, err
	}
	after, err := here.settled(ctx)
	return leading.minus(before), after.minus(leading), err
}

// steady watches a leader alone, and then one with standbys.
func (w *Watch) steady(ctx context.Context, o Options, here place, p peer.Peer, c peer.Config) (err error) {
	nodes := []*node{start(ctx, p, c, 0)}
	defer func() {
		for _, n := range slices.Backward(nodes) {
			err = errors.Join(err, n.stop())
		}
	}()
	if err := nodes[0].lead(ctx); err != nil {
		return err
	}
	o.Log("%s: alone for %v", p.Name, o.Window)
	alone, _, err := average(ctx, o, here, c)
	if err != nil {
		return err
	}
	for i := range o.Standbys {
		nodes = append(nodes, start(ctx, p, c, i+1))
	}
	o.Log("%s: with %d standbys for %v", p.Name, o.Standbys, o.Window)
	together, names, err := average(ctx, o, here, c)
	w.Leading, w.Names = alone, names
	w.Waiting = together.minus(alone).times(1 / float64(o.Standbys))
	for _, n := range nodes {
		w.Ended += n.ended()
	}
	return err
}

// average counts during the window, after a quarter of it in which things may settle: at first, a standby of this library asks
// more often, in order to fall into step. It returns how many requests there were in a length of the lease.
func average(ctx context.Context, o Options, here place, c peer.Config) (Count, map[string]int, error) {
	if err := service.Pause(ctx, o.Window/4); err != nil {
		return Count{}, nil, err
	}
	began := time.Now()
	before, earlier := here.count()
	if err := service.Pause(ctx, o.Window); err != nil {
		return Count{}, nil, err
	}
	after, names := here.count()
	lengths := float64(time.Since(began)) / float64(c.Length)
	for name, n := range earlier {
		if names[name] -= n; names[name] == 0 {
			delete(names, name)
		}
	}
	return after.minus(before).times(1 / lengths), names, nil
}

// A node runs a peer.
type node struct {
	cancel  context.CancelFunc
	started chan struct{} // closed when its first term begins
	done    chan struct{} // closed when it has returned
	err     error         // the result of Run, once it has returned

	mu     sync.Mutex
	terms  int
	stops  int
	ending bool
}

func start(ctx context.Context, p peer.Peer, c peer.Config, number int) *node {
	ctx, cancel := context.WithCancel(ctx)
	n := &node{cancel: cancel, started: make(chan struct{}), done: make(chan struct{})}
	c.Node = fmt.Sprintf("node-%d", number)
	c.Tell = n.tell
	go func() {
		defer close(n.done)
		n.err = p.Run(ctx, c)
	}()
	return n
}

func (n *node) tell(m peer.Moment) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch m {
	case peer.Started:
		if n.terms++; n.terms == 1 {
			close(n.started)
		}
	case peer.Stopped:
		if !n.ending {
			n.stops++
		}
	}
}

// ended returns how many of the node's terms ended before the node was told to stop.
func (n *node) ended() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stops
}

// lead waits until the node leads.
func (n *node) lead(ctx context.Context) error {
	select {
	case <-n.started:
		return nil
	case <-n.done:
		return fmt.Errorf("it returned before it led: %w", n.err)
	case <-time.After(2 * time.Minute):
		return errors.New("it does not lead after two minutes")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stop ends the node, and returns the error of its run.
func (n *node) stop() error {
	n.mu.Lock()
	n.ending = true
	n.mu.Unlock()
	n.cancel()
	select {
	case <-n.done:
		return n.err
	case <-time.After(time.Minute):
		return errors.New("it has not returned a minute after it was to end")
	}
}
