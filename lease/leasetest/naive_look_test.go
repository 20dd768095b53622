package leasetest

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/cloudlease/leader/lease"
)

func (n *naive) idle(name string, r naiveRecord, s lease.Snapshot, asked time.Time) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	what := n.renewal(r, s.Version)
	if n.flaw == "watches the holder, not the renewals" {
		what = lease.Version(r.ID)
	}
	if n.seen[name].what != what {
		if asked.Before(n.seen[name].asked) && n.flaw != "an old answer replaces a newer one" {
			return s.Age
		}
		n.seen[name] = watched{what, time.Now(), asked}
		if n.flaw == "takes what it sees first" {
			return time.Hour
		}
	}
	idle := max(asked.Sub(n.seen[name].since), 0)
	switch n.flaw {
	case "counts to the answer":
		return time.Since(n.seen[name].since)
	case "goes by the wall clock":
		return time.Since(r.Renewed)
	case "watches nothing":
		return s.Age
	case "counts from when it began to watch only", "does not watch its own writes", "watches the holder, not the renewals", "takes over early",
		"takes over at half the length", "Inspect does not watch", "List does not watch", "an old answer replaces a newer one":
		return idle
	}
	return max(idle, s.Age)
}

func (n *naive) needed(r naiveRecord) time.Duration {
	switch n.flaw {
	case "takes over early":
		return r.length() / 5
	case "takes over at half the length":
		return r.length() / 2
	case "never takes over":
		return math.MaxInt64
	}
	return r.length()
}

func (n *naive) Inspect(ctx context.Context, name string) (lease.Info, error) {
	if err := lease.CheckName(name); err != nil && n.flaw != "Inspect takes any name" {
		return lease.Info{}, err
	}
	switch n.flaw {
	case "Inspect is blind":
		return lease.Info{Name: name}, nil
	case "Inspect does not watch":
		return newNaive("")(n.cells).(*naive).Inspect(ctx, name)
	}
	r, info, err := n.load(ctx, name)
	if n.flaw == "Inspect touches" && err == nil && info.Version != "" {
		_, err = n.swap(ctx, name, info.Version, r)
	}
	return info, err
}

func (n *naive) List(ctx context.Context, prefix string) iter.Seq2[lease.Info, error] {
	return func(yield func(lease.Info, error) bool) {
		looker := n
		if n.flaw == "List does not watch" {
			looker = newNaive("")(n.cells).(*naive)
		}
		if n.flaw == "List ignores the prefix" {
			prefix = ""
		}
		asked := time.Now()
		for c, err := range n.cells.List(ctx, prefix) {
			if err != nil {
				yield(lease.Info{}, err)
				return
			}
			_, info, err := looker.look(c.Name, c.Snapshot, asked)
			if err != nil && n.flaw == "List ends at what is not a record" {
				yield(lease.Info{}, err)
				return
			}
			if err != nil && n.flaw == "List is silent about what is not a record" {
				continue
			}
			if err != nil {
				info = lease.Info{Name: c.Name, Err: err}
				if n.flaw == "List guesses at what is not a record" {
					info.State = lease.Held
				}
			}
			if !yield(info, nil) {
				return
			}
		}
	}
}

// exact is that no name is there twice, and none is one of ours but for its case.
func (n *naive) exact(data []byte) bool {
	decoder, met := json.NewDecoder(bytes.NewReader(data)), map[string]bool{}
	if t, err := decoder.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	for decoder.More() {
		t, err := decoder.Token()
		var value json.RawMessage
		if err != nil || decoder.Decode(&value) != nil {
			return false
		}
		name := t.(string)
		if met[name] && n.flaw != "takes the last of two fields" || strings.ToUpper(name) == name && n.flaw != "reads names in any case" {
			return false
		}
		met[name] = true
	}
	return true
}

// spoil makes an Info wrong.
func (n *naive) spoil(info *lease.Info, r naiveRecord) {
	switch n.flaw {
	case "tells nothing of the holder":
		info.Holder, info.Attributes, info.Token = "", nil, 0
	case "RetryAfter is beyond the length":
		info.RetryAfter *= 2
	case "RetryAfter is too soon":
		info.RetryAfter /= 2
	case "RetryAfter stands still":
		if info.State == lease.Held {
			info.RetryAfter = r.length()
		}
	case "never takes over":
		info.RetryAfter = min(info.RetryAfter, r.length())
	case "a released lease looks held":
		if r.Released {
			info.State = lease.Held
		}
	}
}

// yields reports whether the request leaves a released lease to the node that is named, and for how long.
func (n *naive) yields(r naiveRecord, info *lease.Info, req lease.Request) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	left := req.Yield - time.Since(n.seen[req.Name].since)
	if n.flaw == "yields for ever" {
		left = req.Yield
	}
	own := r.Next == req.Holder && n.flaw != "the next yields, too"
	if info.State != lease.Free || r.Next == "" || own || left <= 0 || n.flaw == "yields to nobody" {
		return false
	}
	info.RetryAfter = left
	if n.flaw == "does not say to whom it is left" {
		info.Next = ""
	}
	return true
}
