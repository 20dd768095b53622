package requests

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/cloudlease/leader/bench/internal/peer"
	"github.com/cloudlease/leader/lease"
)

// Ops are the calls of a Manager that are counted, in the order of the page.
var Ops = []string{"acquire", "renew", "poll", "release"}

// goal returns how many requests a call has to take, exactly.
func goal(service, op string) Count {
	switch {
	case op == "acquire" && service == "azure":
		return Count{Reads: 1, Writes: 2}
	case op == "acquire":
		return Count{Reads: 1, Writes: 1}
	case op == "poll":
		return Count{Reads: 1}
	}
	return Count{Writes: 1}
}

// countCalls counts the requests of single calls of the manager that a peer of this library uses. All are on the same lease;
// the first round, which creates its record, is counted separately.
func countCalls(ctx context.Context, o Options, here place, p peer.Peer, endpoint string) (calls []Call, err error) {
	manager, err := p.Open(ctx, peer.Config{Endpoint: endpoint})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closed(manager)) }()
	for _, op := range Ops {
		calls = append(calls, Call{Peer: p.Name, Service: p.Service, Op: op})
	}
	c := caller{here: here, manager: manager, request: lease.Request{
		Name: fmt.Sprintf("calls-%d", rand.Uint32()), Holder: "leader", Length: reference,
	}}
	for i := range o.Calls + 1 {
		counts, err := c.round(ctx)
		if err != nil {
			return nil, err
		}
		for j, n := range counts {
			if i == 0 {
				calls[j].First = n
			} else {
				calls[j].add(n)
			}
		}
	}
	o.Log("%s: %d rounds of calls", p.Name, o.Calls)
	return calls, nil
}

// add notes what one more call took.
func (c *Call) add(n Count) {
	i := slices.IndexFunc(c.Counts, func(t Times) bool { return t.Count == n })
	if i < 0 {
		i = len(c.Counts)
		c.Counts = append(c.Counts, Times{Count: n})
	}
	c.Counts[i].Times++
}

func closed(m lease.Manager) error {
	if err := lease.Close(m); !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

type caller struct {
	here    place
	manager lease.Manager
	request lease.Request
}

// round makes each of the calls in Ops once.
func (c *caller) round(ctx context.Context) (counts []Count, err error) {
	var held lease.Lease
	standby := c.request
	standby.Holder = "standby"
	for _, call := range []func() error{
		func() (err error) { held, err = c.manager.Acquire(ctx, c.request); return err },
		func() (err error) { held, err = c.manager.Renew(ctx, held); return err },
		func() error {
			switch _, err := c.manager.Acquire(ctx, standby); {
			case errors.Is(err, lease.ErrHeld):
				return nil
			case err == nil:
				return errors.New("a lease that is held was acquired")
			default:
				return err
			}
		},
		func() error { return c.manager.Release(ctx, held) },
	} {
		before, _ := c.here.count()
		if err := call(); err != nil {
			return nil, err
		}
		after, _ := c.here.count()
		counts = append(counts, after.minus(before))
	}
	return counts, nil
}
