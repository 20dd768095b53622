package leaderhttp

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// tellTimeout bounds how long somebody waits for a holder that is told.
const tellTimeout = time.Second

// Telling returns a manager that does what m does, and tells a holder at once of what it is asked for (lease.Ask and lease.Withdraw, so also
// fleet.Move, fleet.Drain and fleet.Resume), at its Handler's or FleetHandler's /watch: the holder finds that without waiting for its next renewal. It
// takes the address from the lease, as Follow does, with the same options.
//
// A holder that publishes no address, or cannot be reached within a second, finds it at its next renewal: that is no error. The manager is safe for
// concurrent use.
func Telling(m lease.Manager, opts ...FollowOption) lease.Manager {
	return &telling{Manager: m, follower: newFollower(opts)}
}

type telling struct {
	lease.Manager
	*follower
}

func (t *telling) Unwrap() lease.Manager { return t.Manager }

func (t *telling) Ask(ctx context.Context, seen lease.Info, w lease.Wish) error {
	err := lease.Ask(ctx, t.Manager, seen, w)
	if err == nil {
		_ = t.tell(ctx, seen)
	}
	return err
}

func (t *telling) Withdraw(ctx context.Context, seen lease.Info) error {
	err := lease.Withdraw(ctx, t.Manager, seen)
	if err == nil {
		_ = t.tell(ctx, seen)
	}
	return err
}

// tell has the holder look at its lease now.
func (f *follower) tell(ctx context.Context, seen lease.Info) error {
	address, err := f.address(seen)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	answer, err := f.do(ctx, http.MethodPost, address)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("it answers %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	return nil
}

// hint answers POST /watch: this node, which holds the lease under the token that the request names, looks at it now.
func (h *handler) hint(query url.Values) answer {
	s := h.leader.Status()
	token, err := strconv.ParseUint(query.Get("token"), 10, 64)
	switch name := query.Get("lease"); {
	case err != nil || name == "":
		return sayWhich(s.Lease)
	case name != s.Lease:
		return line(http.StatusNotFound, "watch: this node takes no part in the lease %q", name)
	case s.State != leader.Leading && s.State != leader.Stopping || s.Term.Token() != token:
		return notHeld(name, token)
	}
	h.leader.Hint()
	return toldOf
}

// hint answers POST /watch: this node, which holds the lease under the token that the request names, looks at its leases now.
func (h *fleetHandler) hint(ctx context.Context, query url.Values) answer {
	name := query.Get("lease")
	token, err := strconv.ParseUint(query.Get("token"), 10, 64)
	if err != nil || name == "" {
		return sayWhich(h.fleet.Status().Fleet)
	}
	if now := h.holding(ctx, name); !now.Held || now.Token != token {
		return notHeld(name, token)
	}
	h.fleet.Hint()
	return toldOf
}

var toldOf = line(http.StatusAccepted, "told")

func sayWhich(name string) answer {
	return line(http.StatusBadRequest, "watch: say which lease and term: watch?lease=%s&token=7", name)
}

func notHeld(name string, token uint64) answer {
	return line(http.StatusServiceUnavailable, "watch: this node does not hold the lease %q with token %d", name, token)
}
