package leasetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloudlease/leader/lease"
)

// naive is a second manager, written as plainly as can be, with a place for each flaw. Without a flaw it keeps the
// rules, so the suite is about the rules and not about one implementation of them.
type naive struct {
	*cells
	flaw string
	id   string // of the manager

	mu   sync.Mutex
	seen map[string]watched
}

type watched struct {
	what         lease.Version
	since, asked time.Time
}

type naiveRecord struct {
	Format     int               `json:"format"`
	Token      uint64            `json:"token"`
	ID         string            `json:"id"`
	Holder     string            `json:"holder"`
	Length     string            `json:"length"`
	Released   bool              `json:"released"`
	Broken     bool              `json:"broken,omitempty"`
	RenewEvery time.Duration     `json:"renew_every,omitempty"`
	Hold       time.Duration     `json:"hold_at_least,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Value      string            `json:"value,omitempty"`
	Number     uint64            `json:"value_number,omitempty"`
	Acquired   time.Time         `json:"acquired"`
	Renewed    time.Time         `json:"renewed"`
	History    lease.History     `json:"history,omitempty"`
	Next       string            `json:"next,omitempty"`
	Heeds      []string          `json:"heeds,omitempty"`
	Asked      *lease.Wish       `json:"asked,omitempty"`
	AskedOf    uint64            `json:"asked_of,omitempty"` // the term
}

func (r naiveRecord) length() time.Duration {
	d, _ := time.ParseDuration(r.Length)
	return d
}

func newNaive(flaw string) func(*cells) lease.Manager {
	return func(c *cells) lease.Manager {
		return &naive{cells: c, flaw: flaw, id: newName(), seen: map[string]watched{}}
	}
}

func (n *naive) decode(data []byte) (r naiveRecord, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if n.flaw == "refuses unknown fields" {
		decoder.DisallowUnknownFields()
	}
	var head struct{ Format int }
	if n.flaw != "reads newer formats" && json.Unmarshal(data, &head) != nil || head.Format > 2 {
		return r, fmt.Errorf("%w: bad format", lease.ErrRecord)
	}
	if !n.exact(data) {
		return r, fmt.Errorf("%w: bad names", lease.ErrRecord)
	}
	if decoder.Decode(&r) != nil || decoder.More() || r.ID == "" || r.Token == 0 || r.Token == math.MaxUint64 || r.Format < 1 || r.length() <= 0 {
		return r, fmt.Errorf("%w: bad record", lease.ErrRecord)
	}
	return r, nil
}

func (n *naive) encode(r naiveRecord) []byte {
	r.Format = 1
	if r.Value != "" {
		r.Format = 2
	}
	if len(r.Attributes["k"]) > 100 && n.flaw != "a history without bound" {
		r.History = ""
	}
	data, _ := json.Marshal(r)
	return data
}

// look makes an Info of a cell that was asked for then, and remembers since when it is as it is.
func (n *naive) look(name string, s lease.Snapshot, asked time.Time) (naiveRecord, lease.Info, error) {
	info := lease.Info{Name: name, Version: s.Version}
	if s.Version == "" {
		return naiveRecord{}, info, nil
	}
	r, err := n.decode(s.Data)
	if err != nil {
		if n.flaw == "overwrites what is not a record" {
			return naiveRecord{}, info, nil
		}
		return r, info, fmt.Errorf("lease %q: %w", name, err)
	}
	info.ID, info.Holder, info.Token, info.Length, info.Attributes = r.ID, r.Holder, r.Token, r.length(), r.Attributes
	info.Value, info.History, info.Next = r.Value, r.History, r.Next
	if !r.Released {
		info.Heeds, info.Wish = r.Heeds, n.wish(r)
	}
	info.HoldAtLeast = r.Hold
	info.RenewEvery, info.Broken = r.RenewEvery, r.Broken && n.flaw != "does not say what was broken"
	info.State = lease.Held
	idle := n.idle(name, r, s, asked)
	switch needed := n.needed(r); {
	case r.Released && (n.flaw != "waits for a released lease" || idle >= needed):
		info.State = lease.Free
	case idle >= needed:
		info.State = lease.Expired
	default:
		info.RetryAfter = needed - idle
	}
	n.spoil(&info, r)
	return r, info, nil
}

func (n *naive) Limits() lease.Limits {
	limits := n.cells.Limits()
	if n.flaw == "keeps no values, silently" {
		limits.MaxValue = 0
	}
	return limits
}

func (n *naive) context(ctx context.Context) context.Context {
	if n.flaw == "ignores the context" {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

func (n *naive) load(ctx context.Context, name string) (naiveRecord, lease.Info, error) {
	asked := time.Now()
	s, err := n.Load(n.context(ctx), n.key(name))
	if err != nil {
		return naiveRecord{}, lease.Info{}, err
	}
	return n.look(name, s, asked)
}

func (n *naive) key(name string) string {
	switch n.flaw {
	case "lower-cases names":
		return strings.ToLower(name)
	case "trims names":
		return strings.TrimRight(name, " .")
	}
	return name
}

func (n *naive) swap(ctx context.Context, name string, old lease.Version, r naiveRecord) (lease.Version, error) {
	v, err := n.Swap(n.context(ctx), n.key(name), old, n.encode(r))
	if err == nil && n.flaw != "does not watch its own writes" {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.seen[name] = watched{n.renewal(r, v), time.Now(), time.Now()}
	}
	return v, err
}

func (n *naive) validate(err error) error {
	if n.flaw == "validates nothing" || n.flaw == "keeps no values, silently" {
		return nil
	}
	return err
}

func (n *naive) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	limits := n.Limits()
	if n.flaw == "ignores its limits" {
		limits = lease.Limits{}
	}
	if n.flaw == "asks before it validates" {
		_, _, _ = n.load(ctx, "any")
	}
	if err := n.validate(req.Validate(limits)); err != nil {
		return lease.Lease{}, err
	}
	for {
		r, info, err := n.load(ctx, req.Name)
		if err != nil {
			return lease.Lease{}, err
		}
		if n.yields(r, &info, req) {
			return lease.Lease{}, &lease.HeldError{Info: info}
		}
		reentry := n.flaw == "the same holder re-enters" && r.Holder == req.Holder
		if info.State == lease.Held && !reentry {
			if n.flaw == "polls write" {
				_, _ = n.swap(ctx, req.Name, "made-up", r)
			}
			if n.flaw == "errors say nothing" {
				return lease.Lease{}, lease.ErrHeld
			}
			return lease.Lease{}, &lease.HeldError{Info: info}
		}
		next := n.successor(r, info, req)
		if n.flaw == "reads twice" {
			_, _, _ = n.load(ctx, req.Name)
		}
		version, err := n.swap(ctx, req.Name, info.Version, next)
		if n.flaw == "a takeover looks at the holder alone" && errors.Is(err, lease.ErrConflict) && info.State == lease.Expired {
			version, err = n.forceOver(ctx, req.Name, r.ID, next)
		}
		switch {
		case err == nil, errors.Is(err, lease.ErrConflict) && n.flaw == "takes a conflict for success":
			return n.lease(req.Name, next, version), nil
		case errors.Is(err, lease.ErrConflict) && n.flaw == "gives up at a conflict":
			return lease.Lease{}, err
		case !errors.Is(err, lease.ErrConflict):
			return lease.Lease{}, n.failed(ctx, info.Version, req.Name, next, err)
		}
	}
}

// failed looks for who has got the lease, and releases it if that is this acquisition.
func (n *naive) failed(ctx context.Context, old lease.Version, name string, r naiveRecord, err error) error {
	undo := ctx
	if n.flaw != "undoes nothing once the context has ended" {
		var cancel context.CancelFunc
		undo, cancel = context.WithTimeout(context.WithoutCancel(ctx), lease.UndoTimeout(r.length()))
		defer cancel()
	}
	ours, now, failed := n.load(undo, name)
	switch {
	case failed != nil || now.State != lease.Held:
	case now.ID != r.ID && n.flaw != "says only that it failed":
		return &lease.HeldError{Info: now}
	case now.ID == r.ID && n.flaw != "undoes nothing":
		if n.flaw != "undoes at once" {
			time.Sleep(n.writeEvery)
		}
		ours.Released = true
		_, _ = n.swap(undo, name, now.Version, ours)
	}
	return n.leak(ctx, old, name, r, err)
}

// leak leaves a failed acquisition behind that lasts.
func (n *naive) leak(ctx context.Context, old lease.Version, name string, r naiveRecord, err error) error {
	if n.flaw == "leaks what failed" {
		r.Length = "1h"
		_, _ = n.swap(context.WithoutCancel(ctx), name, old, r)
	}
	return err
}

func (n *naive) successor(r naiveRecord, info lease.Info, req lease.Request) naiveRecord {
	next := naiveRecord{
		Token: r.Token + 1, ID: newName(), Holder: req.Holder, Length: req.Length.String(), Attributes: maps.Clone(req.Attributes),
		Acquired: time.Now(), Renewed: time.Now(), RenewEvery: req.RenewEvery, Value: r.Value,
		History: n.history(r, info), Heeds: req.Heeds, Hold: req.HoldAtLeast,
	}
	if n.flaw == "a wish outlives its term" {
		next.Asked, next.AskedOf = r.Asked, next.Token
	}
	switch n.flaw {
	case "an acquisition forgets the value":
		next.Value = ""
	case "an acquisition keeps the number of the value":
		next.Number = r.Number
	case "a takeover forgets the value":
		if info.State == lease.Expired {
			next.Value = ""
		}
	case "keeps the renew interval to itself":
		next.RenewEvery = 0
	case "keeps the time to hold to itself":
		next.Hold = 0
	case "begins tokens anew after a release":
		if r.Released {
			next.Token = 1
		}
	case "keeps the token in a takeover":
		if info.State == lease.Expired {
			next.Token = r.Token
		}
	case "the ID is the name of the lease":
		next.ID = req.Name
	case "the manager holds the lease":
		next.Holder = n.id
	case "has one ID":
		next.ID = n.id
	case "the first token is 0 of none", "leaves tokens out":
		next.Token++
	case "rounds lengths":
		next.Length = req.Length.Round(time.Second).String()
	case "drops empty attributes":
		maps.DeleteFunc(next.Attributes, func(_, v string) bool { return v == "" })
	case "composes attributes":
		for k, v := range next.Attributes {
			next.Attributes[k] = strings.ReplaceAll(v, "e\u0301", "é")
		}
	case "shares attributes":
		next.Attributes = req.Attributes
	}
	return next
}

func (n *naive) lease(name string, r naiveRecord, version lease.Version) lease.Lease {
	attributes := maps.Clone(r.Attributes)
	if n.flaw == "shares attributes" || n.flaw == "shares attributes of renewals" {
		attributes = r.Attributes
	}
	return lease.Lease{
		Name: name, Holder: r.Holder, ID: r.ID, Token: r.Token, Length: r.length(), Attributes: attributes, Acquired: r.Acquired,
		RenewEvery: r.RenewEvery, Version: version, Value: r.Value, ValueNumber: r.Number, History: r.History,
		Heeds: slices.Clone(r.Heeds), Wish: n.wish(r), HoldAtLeast: r.Hold,
	}
}
