package leaderhttp

import (
	"time"

	"github.com/cloudlease/leader/lease"
)

// Lease is the JSON of a lease for programs: in a [Status], and in the output of "leader status", "leader list"
// and "leader watch" with --json. Its fields keep their names and meaning; there may be more later. A field without a
// value is left out. Durations are numbers of seconds, to the millisecond. Times are RFC 3339 in UTC, by the holder's clock, and only
// for people.
type Lease struct {
	// Name is the name of the lease.
	Name string `json:"lease"`
	// State is "free", "held", "expired", "broken" or "unreadable". A lease is "broken" if somebody took it from its holder
	// ("leader break") and has not run out: nobody leads. It is also "expired" if the node that shows it has held it and
	// could not certainly release it.
	State string `json:"state"`
	// Holder is the label of the holder: the ID of its node. Unless the lease is "held", this and the fields up to Renewed
	// are about the last holder.
	Holder string `json:"holder,omitempty"`
	// ID is the ID of the acquisition, and Token its fencing token.
	ID    string `json:"id,omitempty"`
	Token uint64 `json:"token,omitzero"`
	// LengthSeconds is how long the lease holds from each renewal, and RenewEverySeconds the renew interval that the
	// holder states.
	LengthSeconds     float64 `json:"length_seconds,omitzero"`
	RenewEverySeconds float64 `json:"renew_every_seconds,omitzero"`
	// HoldAtLeastSeconds is for how long the holder keeps the lease at least, by its own word, before it may let it run out: a job that
	// runs once. Then "expired" may mean that the job has ended.
	HoldAtLeastSeconds float64 `json:"hold_at_least_seconds,omitzero"`
	// Attributes has the attributes that the holder published.
	Attributes map[string]string `json:"attributes,omitempty"`
	// Acquired and Renewed are left out if the store does not have them.
	Acquired time.Time `json:"acquired,omitzero"`
	Renewed  time.Time `json:"renewed,omitzero"`
	// AgeSeconds is a lower bound of the record's age when it was read; left out if it is not known.
	AgeSeconds float64 `json:"age_seconds,omitzero"`
	// Timed is true of a lease that is "held" or "broken" if the store itself tells how old the record is, or ends the
	// lease: then a new observer knows as much as one that has watched.
	Timed bool `json:"timed,omitempty"`
	// LeftSeconds is how long a lease that is "held" or "broken" lasts at most without a renewal, from when it was read;
	// left out if it is not known.
	LeftSeconds float64 `json:"left_seconds,omitzero"`
	// Next is the node that the last holder named to lead next: the others leave a "free" lease to it at first.
	Next string `json:"next,omitempty"`
	// History has the terms before the one that Holder and Token tell of, the latest first, as far as the record keeps them.
	History []Term `json:"history,omitempty"`
	// Wish tells what somebody asks of the node that holds the lease.
	Wish *Wish `json:"wish,omitempty"`
	// Error is the reason why the lease is "unreadable".
	Error string `json:"error,omitempty"`
}

// Term is the JSON of one term of a lease. Times are by the clocks of those who wrote them, to the second, and only for people.
type Term struct {
	Token  uint64 `json:"token"`
	Holder string `json:"holder"`
	// Begun is when the holder got the lease, and Ended when it was released or broken, or had run out; left out if unknown.
	Begun time.Time `json:"begun,omitzero"`
	Ended time.Time `json:"ended,omitzero"`
	// How is "released", "expired", "left" (it ran out, as its holder had said it may: a job that has ended, or crashed) or "broken"; left out of a term that goes on.
	How string `json:"how,omitempty"`
}

// Wish is the JSON of something that somebody asks of the holder of a lease, such as a hand-over ("leader handover").
type Wish struct {
	// Kind is "handover", or another kind that the holder acts on. For has the node that is to lead next, and By the one who asks.
	Kind string `json:"kind"`
	For  string `json:"for,omitempty"`
	By   string `json:"by,omitempty"`
	// At is when it was asked, by the clock of the one who asks.
	At time.Time `json:"at,omitzero"`
	// State is "asked", "begun" once the holder acts on it, or "withdrawn" until the holder has dropped it.
	State string `json:"state"`
}

// NewTerms returns the JSON of terms.
func NewTerms(terms []lease.PastTerm) (all []Term) {
	for _, t := range terms {
		all = append(all, Term{
			Token: t.Token, Holder: t.Holder, Begun: forPeople(t.Begun.Truncate(time.Second)), Ended: forPeople(t.Ended.Truncate(time.Second)), How: string(t.How),
		})
	}
	return all
}

// NewLease returns the JSON of a lease.
func NewLease(i lease.Info) Lease {
	l := Lease{
		Name: i.Name, State: i.State.String(), Holder: i.Holder, ID: i.ID, Token: i.Token,
		LengthSeconds: seconds(i.Length), RenewEverySeconds: seconds(i.RenewEvery), HoldAtLeastSeconds: seconds(i.HoldAtLeast), Attributes: i.Attributes,
		Acquired: forPeople(i.Acquired), Renewed: forPeople(i.Renewed), AgeSeconds: seconds(i.Age),
		Next: i.Next, History: NewTerms(i.History.Terms()),
	}
	if i.State == lease.Held {
		l.Timed, l.LeftSeconds = i.Timed, seconds(i.Length)
		if i.RetryAfter > 0 {
			l.LeftSeconds = seconds(i.RetryAfter)
		}
	}
	if w := i.Wish; w.Kind != "" {
		l.Wish = &Wish{Kind: w.Kind, For: w.For, By: w.By, At: forPeople(w.At), State: string(w.State)}
	}
	switch {
	case i.Err != nil:
		l.State, l.Error = "unreadable", i.Err.Error()
	case i.State == lease.Held && i.Broken:
		l.State = "broken"
	}
	return l
}
