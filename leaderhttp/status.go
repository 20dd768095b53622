package leaderhttp

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/cloudlease/leader"
)

// Status is the JSON that GET /status answers. Its fields keep their names; there may be more later. A field without a
// value is left out. Durations are numbers of seconds, to the millisecond. Times are RFC 3339 in UTC, by the wall clock
// of the machine that set them, and only for people.
type Status struct {
	// Lease and Node name the lease and this node; Store is the lease manager's own name, left out if it has none.
	Lease string `json:"lease"`
	Node  string `json:"node"`
	Store string `json:"store,omitempty"`
	// LengthSeconds is how long the lease holds from each renewal, if this node has it. RenewEverySeconds and
	// AcquireEverySeconds are the intervals at which this node renews the lease, or asks for it.
	LengthSeconds       float64 `json:"length_seconds,omitzero"`
	RenewEverySeconds   float64 `json:"renew_every_seconds,omitzero"`
	AcquireEverySeconds float64 `json:"acquire_every_seconds,omitzero"`
	// State is "idle", "standby", "leading" or "stopping". GET /leader answers 200 if it is "leading".
	State string `json:"state"`
	// Paused is true while the node does not ask for the lease (Pause); left out if it does.
	Paused bool `json:"paused,omitempty"`
	// Since is when the state began.
	Since time.Time `json:"since,omitzero"`
	// Token, Deadline and RemainingSeconds describe this node's term while it holds: its fencing token, and when and in
	// how many seconds the term ends without a renewal.
	Token            uint64    `json:"token,omitzero"`
	Deadline         time.Time `json:"deadline,omitzero"`
	RemainingSeconds float64   `json:"remaining_seconds,omitzero"`
	// Seen is the lease, with its holder, as this node last heard; left out until it has heard.
	Seen *Lease `json:"seen,omitempty"`
	// Contact is when the lease store last gave a clear answer, and ContactAgeSeconds the time since then by the
	// monotonic clock; left out if the store never did.
	Contact           time.Time `json:"contact,omitzero"`
	ContactAgeSeconds float64   `json:"contact_age_seconds,omitzero"`
	// Unhealthy is the reason why GET /healthz answers 503; left out while it answers 200.
	Unhealthy string `json:"unhealthy,omitempty"`
	// Health is the error of the node's own health check (leader.WithHealth) that keeps it from leading; left out if
	// none does.
	Health string `json:"health,omitempty"`
	// Error is the error of the latest request to the lease store; left out if that request did not fail.
	Error string `json:"error,omitempty"`
}

func newStatus(s leader.Status) Status {
	status := Status{
		Lease: s.Lease, Node: s.Node, Store: s.Store, State: s.State.String(), Paused: s.Paused, Since: forPeople(s.Since),
		LengthSeconds: seconds(s.Length), RenewEverySeconds: seconds(s.RenewEvery), AcquireEverySeconds: seconds(s.AcquireEvery),
		Contact: forPeople(s.Contact), Unhealthy: unhealthy(s),
	}
	if s.Seen.Name != "" {
		status.Seen = new(NewLease(s.Seen))
	}
	if remaining := s.Term.Remaining(); remaining > 0 {
		status.Token, status.RemainingSeconds = s.Term.Token(), seconds(remaining)
		status.Deadline = forPeople(s.Term.Deadline())
	}
	if !s.Contact.IsZero() {
		status.ContactAgeSeconds = seconds(silence(s))
	}
	if s.Health != nil {
		status.Health = s.Health.Error()
	}
	if s.Err != nil {
		status.Error = s.Err.Error()
	}
	return status
}

// inJSON answers with a Status or a FleetStatus. They never fail: forPeople leaves out times that JSON cannot express.
func inJSON(status any) answer {
	body, _ := json.MarshalIndent(status, "", "  ")
	return answer{http.StatusOK, jsonText, append(body, '\n')}
}

// forPeople returns a time without the parts that are useless on another machine; zero if JSON cannot express the time,
// because a record may hold anything.
func forPeople(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Millisecond)
	if t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
