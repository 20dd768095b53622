package linearize

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A Term is the state of a lease.
type Term struct {
	Record string        // the acquisition that the record is of; empty: there is no record yet
	Token  uint64        // of the record
	Since  time.Duration // when that acquisition was invoked
	Holder string        // the acquisition that holds the lease; empty: it was released
	Kept   time.Duration // when the latest write that keeps the lease was invoked
	Ghost  int           // the manager that knows that this acquisition failed; 0: none
	Value  string        // of the record
	Number uint64        // of the record's latest change of the value; 0: it is as acquired
}

// with returns the term with the value that a call of its holder carries, unless it has a later one (V3).
func (t Term) with(held lease.Lease) Term {
	if held.ValueNumber > t.Number {
		t.Value, t.Number = held.Value, held.ValueNumber
	}
	return t
}

// Leases is one client of a manager. It makes one call at a time, and records it. Set its fields before its first call.
type Leases struct {
	History *History[Term]
	Manager lease.Manager // this client's alone
	Number  int           // of the manager, from 1
	Length  time.Duration // of every lease in the history
	Native  bool          // the lease and its record are two writes, as on Azure
	Slack   time.Duration // how much the service's clock, which ends its leases, may differ from ours over a lease's length

	row *int
}

func (c *Leases) record(name, text string, sent call[Term]) {
	record(c.History, &c.row, name, text, sent)
}

// over reports whether a lease that has a holder may be over by the time that a call of this client returned.
func (c *Leases) over(t Term, returned time.Duration) bool {
	return !c.Native && t.Ghost == c.Number || returned-t.Kept >= c.Length-c.Slack
}

// Acquire calls the manager. No other acquisition may have the same holder's label.
func (c *Leases) Acquire(ctx context.Context, name, holder string) (lease.Lease, error) {
	start := c.History.now()
	got, err := c.Manager.Acquire(ctx, lease.Request{Name: name, Holder: holder, Length: c.Length})
	end := c.History.now()
	sent := call[Term]{start: start}
	sent.unanswered = c.acquisition(holder, lease.Lease{}, start, end)
	answer := "unknown"
	switch held, _ := errors.AsType[*lease.HeldError](err); {
	case err == nil:
		answer = fmt.Sprintf("token %d, value %q", got.Token, got.Value)
		sent.answered = c.acquisition(holder, got, start, end)
		c.saw(name, got.Holder, got.ID)
		c.History.acquired(name, got.Token)
		if got.Value != "" {
			c.History.count("values inherited")
		}
		if got.Holder != holder || got.Name != name || got.Length != c.Length || got.Token == 0 || got.ValueNumber != 0 {
			c.History.refute("Acquire of %q by %q = %+v", name, holder, got)
		}
	case held != nil:
		answer = "refused: " + c.told(name, held.Info)
		sent.answered = []effect[Term]{{apply: func(t Term) (Term, bool) {
			return t, held.Info.State == lease.Held && c.shows(t, held.Info, end)
		}}}
		c.History.count("told held")
	default:
		c.explain(err)
	}
	c.record(name, fmt.Sprintf("Acquire as %s = %s", holder, answer), sent)
	return got, err
}

// acquisition returns the effects of an acquisition. The zero Lease means that it failed: it may have done everything, and may have
// undone it. The value stays, and that is the one it has (V1).
func (c *Leases) acquisition(holder string, got lease.Lease, start, end time.Duration) []effect[Term] {
	failed := got.Token == 0
	ghost := 0
	if failed {
		ghost = c.Number
	}
	take := func(t Term) (Term, bool) {
		// its write replaces what it saw, which was there before it returned
		if t.Holder != "" && !c.over(t, end) || t.Since > end {
			return t, false
		}
		t.Holder, t.Kept, t.Ghost = holder, start, ghost
		return t, true
	}
	write := func(t Term) (Term, bool) {
		if t.Holder != holder || !failed && (got.Token != t.Token+1 || got.Value != t.Value) {
			return t, false
		}
		t.Record, t.Token, t.Since, t.Number = holder, t.Token+1, start, 0
		return t, true
	}
	var all []effect[Term]
	if c.Native {
		all = []effect[Term]{{"the lease of: ", take}, {"the record of: ", write}}
	} else {
		all = []effect[Term]{{"", func(t Term) (Term, bool) {
			next, ok := take(t)
			if !ok {
				return t, false
			}
			return write(next)
		}}}
	}
	if failed {
		all = append(all, effect[Term]{"undoing: ", giveBack(holder)})
	}
	return all
}

// store returns the effect of a write that carries a value: it is the term's from then on, if it is a later one.
func store(held lease.Lease) func(Term) (Term, bool) {
	return func(t Term) (Term, bool) { return t.with(held), t.Holder == held.Holder && t.Number < held.ValueNumber }
}

// giveBack returns the effect of a release: the lease becomes free if the holder has it.
func giveBack(holder string) func(Term) (Term, bool) {
	return func(t Term) (Term, bool) {
		ok := t.Holder == holder
		if ok {
			t.Holder, t.Kept, t.Ghost = "", 0, 0
		}
		return t, ok
	}
}

// Renew calls the manager.
func (c *Leases) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	start := c.History.now()
	sent := call[Term]{start: start}
	got, err := c.Manager.Renew(ctx, held)
	answer := "unknown"
	switch lost, _ := errors.AsType[*lease.LostError](err); {
	case err == nil:
		answer = "done"
		sent.answered = []effect[Term]{{apply: func(t Term) (Term, bool) {
			ok := t.Holder == held.Holder
			t.Kept = max(t.Kept, start)
			t = t.with(held)
			return t, ok && (got.ValueNumber == held.ValueNumber || got.ValueNumber == t.Number && got.Value == t.Value)
		}}}
		if got.ValueNumber > held.ValueNumber {
			c.History.count("newer values kept")
		} else if got.Value != held.Value {
			c.History.refute("Renew of %+v = %+v", held, got)
		}
		if got.ID != held.ID || got.Token != held.Token || got.Length != held.Length {
			c.History.refute("Renew of %+v = %+v", held, got)
		}
		c.History.count("renewals")
	case lost != nil:
		answer, sent.answered = c.lost(held, lost)
	default:
		c.explain(err)
		sent.unanswered = []effect[Term]{{apply: store(held)}} // see the package comment
	}
	c.record(held.Name, fmt.Sprintf("Renew as %s, %s = %s", held.Holder, valueOf(held), answer), sent)
	return got, err
}

// Release calls the manager.
func (c *Leases) Release(ctx context.Context, held lease.Lease) error {
	sent := call[Term]{start: c.History.now(), unanswered: c.freeing(held)}
	c.History.releases(held.Name, held.Token)
	err := c.Manager.Release(ctx, held)
	answer := "unknown"
	switch lost, _ := errors.AsType[*lease.LostError](err); {
	case err == nil:
		answer = "done"
		sent.answered = c.freeing(held)
		c.History.count("releases")
	case lost != nil:
		answer, sent.answered = c.lost(held, lost)
	default:
		c.explain(err)
	}
	c.record(held.Name, fmt.Sprintf("Release as %s, %s = %s", held.Holder, valueOf(held), answer), sent)
	return err
}

// freeing returns the effects of a release: it stores the value that it carries (V2), and frees the lease. On Azure, others may see
// the one before the other.
func (c *Leases) freeing(held lease.Lease) []effect[Term] {
	free, keep := giveBack(held.Holder), func(t Term) (Term, bool) { return t.with(held), t.Holder == held.Holder }
	if c.Native && held.ValueNumber > 0 {
		return []effect[Term]{{"the value of: ", keep}, {"", free}}
	}
	return []effect[Term]{{apply: func(t Term) (Term, bool) { return free(t.with(held)) }}}
}

func valueOf(l lease.Lease) string { return fmt.Sprintf("value %d %q", l.ValueNumber, l.Value) }

// lost returns the effects of a *LostError, which changes nothing by itself, and describes it. As nobody deletes a record, LostGone is
// wrong; so is LostExpired, which a manager cannot know.
func (c *Leases) lost(held lease.Lease, lost *lease.LostError) (answer string, is []effect[Term]) {
	c.History.count("told lost")
	end := c.History.now()
	answer = fmt.Sprintf("lost: %s, %s", lost.Reason, c.told(held.Name, lost.Now))
	// An attempt of the SDK may have stored the value before that.
	before := func(t Term) (Term, bool) {
		if next, ok := store(held)(t); ok {
			return next, true
		}
		return t, true
	}
	return answer, []effect[Term]{{"perhaps the value of: ", before}, {apply: func(t Term) (Term, bool) {
		switch ok := t.Holder != held.Holder && lost.Token == held.Token; {
		case !ok:
			return t, false
		case lost.Reason == lease.LostReleased:
			return t, t.Record == held.Holder && c.shows(t, lost.Now, end)
		case lost.Reason != lease.LostTaken:
			return t, false
		case !c.Native || lost.Now.Token != 0:
			return t, t.Record != held.Holder && c.shows(t, lost.Now, end)
		}
		// Azure: a holder whose record is not written yet has taken the lease; or the look that was to tell who it is has failed.
		return t, lost.Now.State != lease.Held || t.Holder != ""
	}}}
}

// Inspect calls the manager.
func (c *Leases) Inspect(ctx context.Context, name string) (lease.Info, error) {
	sent := call[Term]{start: c.History.now()}
	got, err := lease.Inspect(ctx, c.Manager, name)
	if err != nil {
		c.explain(err)
		c.record(name, "", sent)
		return got, err
	}
	end := c.History.now()
	sent.answered = []effect[Term]{{apply: func(t Term) (Term, bool) { return t, c.shows(t, got, end) }}}
	c.record(name, "Inspect = "+c.told(name, got), sent)
	return got, nil
}

// shows reports whether info, returned at that time, is true of the state.
func (c *Leases) shows(t Term, info lease.Info, returned time.Duration) bool {
	if info.Holder != t.Record || info.Token != t.Token || info.Value != t.Value {
		return false
	}
	switch info.State {
	case lease.Free:
		return t.Holder == ""
	case lease.Held:
		return t.Holder != ""
	case lease.Expired:
		return t.Holder != "" && c.over(t, returned)
	}
	return false
}

// told puts info into words, and notes which ID belongs to which acquisition.
func (c *Leases) told(name string, info lease.Info) string {
	if info.Token == 0 {
		return info.State.String()
	}
	c.saw(name, info.Holder, info.ID)
	return fmt.Sprintf("%s, of %s, token %d, value %q", info.State, info.Holder, info.Token, info.Value)
}

// saw notes that an ID belongs to one acquisition, and an acquisition to one ID.
func (c *Leases) saw(name, holder, id string) {
	c.History.belongs(name, fmt.Sprintf("the acquisition %q", holder), fmt.Sprintf("the ID %q", id))
}

func (c *Leases) explain(err error) {
	if unexplained(err) {
		c.History.refute("%v", err)
	}
}
