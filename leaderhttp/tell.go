package leaderhttp

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/absent"
	"github.com/cloudlease/leader/lease"
)

// tellTimeout bounds how long somebody waits for a holder that is told.
const tellTimeout = time.Second

// Telling returns a manager that does what m does, and tells a holder at once when it is asked for something: through lease.Ask and
// lease.Withdraw, and so through fleet.Move, fleet.Drain and fleet.Resume. It sends one POST to the holder's /watch, of a Handler or a
// FleetHandler, so that the holder need not wait for its next renewal. It takes the address from the lease, as Follow does, with the same
// options.
//
// A holder that publishes no address, or does not answer within a second, finds the wish at its next renewal: that is no error. The manager
// is safe for concurrent use. It is nil if m is, or is a nil pointer.
func Telling(m lease.Manager, opts ...FollowOption) lease.Manager {
	if absent.Is(m) {
		return nil
	}
	return &telling{Manager: m, follower: newFollower(opts)}
}

type telling struct {
	lease.Manager
	*follower
}

func (t *telling) Unwrap() lease.Manager { return t.Manager }

func (t *telling) Ask(ctx context.Context, seen lease.Info, w lease.Wish) error {
	return t.asked(ctx, seen, lease.Ask(ctx, t.Manager, seen, w))
}

func (t *telling) Withdraw(ctx context.Context, seen lease.Info) error {
	return t.asked(ctx, seen, lease.Withdraw(ctx, t.Manager, seen))
}

// asked tells the holder, if it was asked, and returns err.
func (t *telling) asked(ctx context.Context, seen lease.Info, err error) error {
	if err == nil {
		t.tell(ctx, seen)
	}
	return err
}

// tell has the holder look at its lease now, if it can be told.
func (f *follower) tell(ctx context.Context, seen lease.Info) {
	address, err := f.address(seen)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	if answer, err := f.do(ctx, http.MethodPost, address); err == nil {
		_ = answer.Body.Close()
	}
}

// hint answers POST /watch: this node, which holds the lease under the token that the request names, looks at it now.
func (h *handler) hint(query url.Values) answer {
	s := h.leader.Status()
	name, token, ok := termIn(query)
	switch {
	case !ok:
		return sayWhich(s.Lease)
	case name != s.Lease:
		return noPart(name)
	case s.State != leader.Leading && s.State != leader.Stopping || s.Term.Token() != token:
		return notHeld(name, token)
	}
	h.leader.Hint()
	return toldOf
}

// hint answers POST /watch: this node, which holds the lease under the token that the request names, looks at its leases now.
func (h *fleetHandler) hint(ctx context.Context, query url.Values) answer {
	name, token, ok := termIn(query)
	if !ok {
		return sayWhich(h.fleet.Status().Fleet)
	}
	if now := h.holding(ctx, name); !now.Held || now.Token != token {
		return notHeld(name, token)
	}
	h.fleet.Hint()
	return toldOf
}

var toldOf = line(http.StatusAccepted, "told")
