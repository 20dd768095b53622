package leaderhttp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/cloudlease/leader/fleet"
)

// digest stands for a lease's value in an address.
func digest(value string) string {
	if value == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:8])
}

// watch answers GET /watch: it holds the answer open while this node holds the lease, its seat or the coordinator's office, under the token
// and with the value that the request names. The value tells of what moves: it is the fleet's plan, or what a node acknowledges of it.
func (h *fleetHandler) watch(w http.ResponseWriter, r *http.Request) {
	s, query := h.fleet.Status(), r.URL.Query()
	name, token, asked := termIn(query)
	values := query.Has("value")
	changed := func(now fleet.Holding) bool {
		return !now.Held || now.Token != token || values && digest(now.Value) != query.Get("value")
	}
	now := h.holding(r.Context(), name)
	switch of, _, isSeat := fleet.SeatOf(name); {
	case !asked:
		write(w, sayWhich(s.Fleet))
		return
	case name != s.Fleet && (!isSeat || of != s.Fleet):
		write(w, line(http.StatusNotFound, "watch: the lease %q is none of the fleet %q", name, s.Fleet))
		return
	case now.Token < token, !s.Running && now.Held:
		write(w, notHeld(name, token))
		return
	}
	h.watchers.hold(w, r, func(ctx context.Context) bool {
		for now := range h.fleet.Holdings(ctx, name) {
			if changed(now) {
				return true
			}
		}
		return false
	}, func() bool { return changed(h.holding(context.Background(), name)) })
}

// holding returns this node's latest term of a lease.
func (h *fleetHandler) holding(ctx context.Context, name string) (now fleet.Holding) {
	for now = range h.fleet.Holdings(ctx, name) {
		break
	}
	return now
}
