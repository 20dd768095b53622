package leaderhttp

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// Status is what GET /status answers, in JSON. The names of its fields stay as they are; there may be more later. A field
// that has no value is left out. Durations are numbers of seconds, to the millisecond; times are RFC 3339 in UTC, by the
// wall clock of whoever set them, and for people only.
type Status struct {
	// Lease and Node name the lease and this node; Store is the lease manager's name of itself, left out if it has none.
	Lease string `json:"lease"`
	Node  string `json:"node"`
	Store string `json:"store,omitempty"`
	// LengthSeconds is how long the lease holds from each renewal if this node has it; RenewEverySeconds and
	// AcquireEverySeconds are how often this node renews it, or asks for it.
	LengthSeconds       float64 `json:"length_seconds,omitzero"`
	RenewEverySeconds   float64 `json:"renew_every_seconds,omitzero"`
	AcquireEverySeconds float64 `json:"acquire_every_seconds,omitzero"`
	// State is "idle", "standby", "leading" or "stopping". GET /leader answers 200 if it is "leading".
	State string `json:"state"`
	// Since is when the state began.
	Since time.Time `json:"since,omitzero"`
	// Token, Deadline and RemainingSeconds are of this node's term, while it holds: its fencing token, and when and in how
	// many seconds it ends if it is not renewed.
	Token            uint64    `json:"token,omitzero"`
	Deadline         time.Time `json:"deadline,omitzero"`
	RemainingSeconds float64   `json:"remaining_seconds,omitzero"`
	// Holder is who holds the lease, as this node last heard; left out until it has.
	Holder *Holder `json:"holder,omitempty"`
	// Contact is when the lease store last gave a clear answer, and ContactAgeSeconds how long ago that was by the
	// monotonic clock; left out if it never did.
	Contact           time.Time `json:"contact,omitzero"`
	ContactAgeSeconds float64   `json:"contact_age_seconds,omitzero"`
	// Unhealthy is why GET /healthz answers 503; left out while it answers 200.
	Unhealthy string `json:"unhealthy,omitempty"`
	// Health is why the node's own health check (leader.WithHealth) keeps it from leading; left out if it does not.
	Health string `json:"health,omitempty"`
	// Error is why the latest request to the lease store failed; left out if it did not.
	Error string `json:"error,omitempty"`
}

// Holder is who holds a lease, or held it last, as a node heard.
type Holder struct {
	// State is the lease's: "free", "held" or "expired". Unless it is held, the rest tells who held it last. A lease is
	// "expired" as well if this node has held it and could not give it back for sure.
	State string `json:"state"`
	// Broken is whether the lease was taken from its holder ("leader break"): nobody leads until it has run out.
	Broken bool `json:"broken,omitempty"`
	// Name is the holder's label: the ID of its node.
	Name string `json:"name,omitempty"`
	// ID is that of the acquisition, and Token its fencing token.
	ID    string `json:"id,omitempty"`
	Token uint64 `json:"token,omitzero"`
	// LengthSeconds is how long the lease holds from each renewal, and RenewEverySeconds how often the holder says that it
	// renews.
	LengthSeconds     float64 `json:"length_seconds,omitzero"`
	RenewEverySeconds float64 `json:"renew_every_seconds,omitzero"`
	// Attributes is what the holder published.
	Attributes map[string]string `json:"attributes,omitempty"`
	// Acquired and Renewed are by the holder's clock, if the store tells.
	Acquired time.Time `json:"acquired,omitzero"`
	Renewed  time.Time `json:"renewed,omitzero"`
}

func newStatus(s leader.Status) Status {
	status := Status{
		Lease: s.Lease, Node: s.Node, Store: s.Store, State: s.State.String(), Since: forPeople(s.Since),
		LengthSeconds: seconds(s.Length), RenewEverySeconds: seconds(s.RenewEvery), AcquireEverySeconds: seconds(s.AcquireEvery),
		Holder: newHolder(s.Holder), Contact: forPeople(s.Contact), Unhealthy: unhealthy(s),
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
	body, _ := json.MarshalIndent(s, "", "  ") // a time outside the years 0 to 9999 is all that JSON cannot say
	return answer{http.StatusOK, jsonText, append(body, '\n')}
}

// forPeople is a time without what is of no use on another machine. One that JSON cannot say is left out: anything may
// stand in a record.
func forPeople(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Millisecond)
	if t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
