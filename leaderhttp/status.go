package leaderhttp

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
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
	// Since is when the state began.
	Since time.Time `json:"since,omitzero"`
	// Token, Deadline and RemainingSeconds describe this node's term while it holds: its fencing token, and when and in
	// how many seconds the term ends without a renewal.
	Token            uint64    `json:"token,omitzero"`
	Deadline         time.Time `json:"deadline,omitzero"`
	RemainingSeconds float64   `json:"remaining_seconds,omitzero"`
	// Holder is the lease's holder, as this node last heard; left out until it has heard.
	Holder *Holder `json:"holder,omitempty"`
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

// Holder describes the holder of a lease, or its last holder, as a node heard.
type Holder struct {
	// State is the lease's state: "free", "held" or "expired". Unless it is "held", the other fields are about the last
	// holder. A lease is also "expired" if this node has held it and could not certainly release it.
	State string `json:"state"`
	// Broken reports whether the lease was taken from its holder ("leader break"): nobody leads until it has run out.
	Broken bool `json:"broken,omitempty"`
	// Name is the holder's label: the ID of its node.
	Name string `json:"name,omitempty"`
	// ID is the ID of the acquisition, and Token its fencing token.
	ID    string `json:"id,omitempty"`
	Token uint64 `json:"token,omitzero"`
	// LengthSeconds is how long the lease holds from each renewal, and RenewEverySeconds the renew interval that the
	// holder states.
	LengthSeconds     float64 `json:"length_seconds,omitzero"`
	RenewEverySeconds float64 `json:"renew_every_seconds,omitzero"`
	// Attributes has the attributes that the holder published.
	Attributes map[string]string `json:"attributes,omitempty"`
	// Acquired and Renewed are times of the holder's clock; left out if the store does not have them.
	Acquired time.Time `json:"acquired,omitzero"`
	Renewed  time.Time `json:"renewed,omitzero"`
}

func newStatus(s leader.Status) Status {
	status := Status{
		Lease: s.Lease, Node: s.Node, Store: s.Store, State: s.State.String(), Since: forPeople(s.Since),
		LengthSeconds: seconds(s.Length), RenewEverySeconds: seconds(s.RenewEvery), AcquireEverySeconds: seconds(s.AcquireEvery),
		Holder: newHolder(s.Seen), Contact: forPeople(s.Contact), Unhealthy: unhealthy(s),
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

func newHolder(info lease.Info) *Holder {
	if info.Name == "" {
		return nil
	}
	return &Holder{
		State: info.State.String(), Broken: info.Broken, Name: info.Holder, ID: info.ID, Token: info.Token,
		LengthSeconds: seconds(info.Length), RenewEverySeconds: seconds(info.RenewEvery), Attributes: info.Attributes,
		Acquired: forPeople(info.Acquired), Renewed: forPeople(info.Renewed),
	}
}

func (s Status) json() answer {
	body, _ := json.MarshalIndent(s, "", "  ") // never fails: forPeople leaves out times that JSON cannot express
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
