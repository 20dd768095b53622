package doctor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/patience"
	"github.com/cloudlease/leader/lease"
)

// callPatience is how long doctor waits for one answer. A leader gives up sooner.
const callPatience = 10 * time.Second

// A holding is a lease, and the node that holds it.
type holding struct {
	lease.Lease
	node int // that holds it
}

// doctorsName begins the names of doctor's nodes.
const doctorsName = "leader doctor, node "

// holder returns the node's name.
func holder(node int) string { return fmt.Sprint(doctorsName, node+1) }

// pace waits until the store allows another write.
func (d *doctor) pace(ctx context.Context) {
	patience.Wait(ctx, time.Until(d.written.Add(min(d.limits.WriteEvery, d.write))))
	d.sent = time.Now()
}

// acquire takes the lease with one node, without rivals.
func (d *doctor) acquire(ctx context.Context, node int) (*holding, error) {
	d.pace(ctx)
	h, err := d.try(ctx, node)
	d.written = time.Now()
	if err != nil {
		return nil, err
	}
	d.took(h)
	return h, nil
}

// try is safe for concurrent use, and its result is to be passed to took.
func (d *doctor) try(ctx context.Context, node int) (h *holding, err error) {
	l, err := patience.Ask(ctx, d.timeout, func(ctx context.Context) (lease.Lease, error) {
		return d.nodes[node].Acquire(ctx, lease.Request{Name: d.name, Holder: holder(node), Length: d.tried})
	})
	return &holding{l, node}, err
}

func (d *doctor) took(h *holding) {
	d.holdings[h.ID] = h
	d.tokens = append(d.tokens, h.Token)
}

// renew renews the lease from h, which may be an old answer, and keeps the new one.
func (d *doctor) renew(ctx context.Context, h holding) (lease.Lease, error) {
	d.pace(ctx)
	l, err := patience.Ask(ctx, d.timeout, func(ctx context.Context) (lease.Lease, error) { return d.nodes[h.node].Renew(ctx, h.Lease) })
	d.written = time.Now()
	if err == nil {
		d.renewals = append(d.renewals, d.written.Sub(d.sent))
		if known := d.holdings[h.ID]; known != nil {
			known.Lease = l
		}
	}
	return l, err
}

func (d *doctor) release(ctx context.Context, h holding) error {
	d.pace(ctx)
	err := patience.Tell(ctx, d.timeout, func(ctx context.Context) error { return d.nodes[h.node].Release(ctx, h.Lease) })
	d.written = time.Now()
	if err == nil || errors.Is(err, lease.ErrLost) {
		delete(d.holdings, h.ID)
	}
	return err
}

// releaseAll releases all leases that may be held.
func (d *doctor) releaseAll(ctx context.Context) error {
	var errs []error
	for _, h := range d.holdings {
		if err := d.release(ctx, *h); err != nil && !errors.Is(err, lease.ErrLost) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (d *doctor) inspect(ctx context.Context, node int) (info lease.Info, err error) {
	began := time.Now()
	info, err = patience.Ask(ctx, d.timeout, func(ctx context.Context) (lease.Info, error) {
		return lease.Inspect(ctx, d.nodes[node], d.name)
	})
	if err == nil {
		d.reads = append(d.reads, time.Since(began))
	}
	return info, err
}

const racers = 8

// race has all racers try to take the lease at once, and returns the leases that they got, or why nobody got one. Each has read the lease
// before the fastest has written it, so that only the conditions of the writes tell them apart: for that, their connections are made
// before.
func (d *doctor) race(ctx context.Context) (won []*holding, err error) {
	d.pace(ctx)
	var got [racers]*holding
	var failures [racers]error
	var warm, all sync.WaitGroup
	start := make(chan struct{})
	warm.Add(racers)
	for i := range racers {
		all.Go(func() {
			_, _ = patience.Ask(ctx, d.timeout, func(ctx context.Context) (lease.Info, error) {
				return lease.Inspect(ctx, d.nodes[i%2], d.name)
			})
			warm.Done()
			<-start
			got[i], failures[i] = d.try(ctx, i%2)
		})
	}
	warm.Wait()
	close(start)
	all.Wait()
	d.written = time.Now()
	for i, err := range failures {
		if err == nil {
			won = append(won, got[i])
		}
	}
	switch len(won) {
	case 0:
		return nil, failures[0]
	case 1:
		d.took(won[0])
	}
	for _, h := range won {
		d.holdings[h.ID] = h // also if it was not alone
	}
	return won, nil
}
