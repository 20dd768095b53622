package lease

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"time"

	"github.com/cloudlease/leader/internal/absent"
	"github.com/cloudlease/leader/internal/firstseen"
	"github.com/cloudlease/leader/internal/host"
)

// NewManager returns a Manager that keeps its leases in the cells of a store, one record per lease.
//
// Absent conflicts and faults, Acquire of a held lease is one Load; of a free one, one Load and one Swap; Renew is one
// Swap, Release one Swap, Inspect one Load (R7).
//
// The manager remembers what it has seen of each lease. If the store supplies no Age, it takes over a lease that its
// holder has left behind only once it has watched the record for the lease's length (R1). So keep the manager as long as
// the process campaigns.
//
// With a nil store, or a nil pointer as one, each request returns an ErrMisconfigured.
func NewManager(store Store) Manager {
	if absent.Is(store) {
		store = noStore{}
	}
	return &manager{store: store, place: placeOf(store)}
}

type manager struct {
	store Store
	place string // names the store in errors
	watch watch
	named firstseen.Memory // since when released records have stood that name the next holder
}

// noStore takes the place of a nil Store: a panic in a request's goroutine would end the process.
type noStore struct{}

var (
	errNilStore = errors.New("NewManager was given a nil Store")
	errNoStore  = &MisconfiguredError{Err: errNilStore, Advice: "give it a store"}
)

func (noStore) String() string { return "no store" }

func (noStore) Load(context.Context, string) (Snapshot, error) { return Snapshot{}, errNoStore }

func (noStore) Swap(context.Context, string, Version, []byte) (Version, error) { return "", errNoStore }

func placeOf(store Store) string {
	if s, ok := store.(fmt.Stringer); ok {
		return s.String()
	}
	return fmt.Sprintf("%T", store)
}

// String names the store's place; see PlaceOf.
func (m *manager) String() string { return m.place }

// Store returns the store that the manager was made of.
func (m *manager) Store() Store { return m.store }

// cell is a record that an answer showed, with what is known about its age.
type cell struct {
	record
	version Version
	sent    time.Duration // when the look was, by the monotonic clock
	timed   bool          // the store tells how old the record is
	stood   time.Duration // for how long, at least, if it is released and names the next holder
	sight
}

func (c cell) missing() bool { return c.version == "" }

// state returns whether the lease can be taken, by R1: no client's wall clock decides. It can if (a) it is released, or was
// never taken; (b) this manager has watched the version for the record's full length by its own monotonic clock; (c) the
// store's clock proves the same. Both count to the answer, since the write that follows succeeds only if the version
// still stands then. A record that a failed acquisition of this manager wrote late can be taken, too (R6).
func (c cell) state() State { return c.stateAfter(c.idle) }

// shown returns the state for a caller that will not write. The answer may have been slow, and the holder may have renewed
// meanwhile: the lease has certainly expired only if its length was over when the look was sent.
func (c cell) shown() State { return c.stateAfter(c.proven) }

func (c cell) stateAfter(idle time.Duration) State {
	switch {
	case c.missing() || c.Released:
		return Free
	case c.ghost || idle >= time.Duration(c.Length):
		return Expired
	}
	return Held
}

func (c cell) info(name string) Info {
	info := Info{Name: name, State: c.shown()}
	if c.missing() {
		return info
	}
	info.Holder, info.ID, info.Token = c.Holder, c.ID, c.Token
	info.Length, info.Attributes, info.Version = time.Duration(c.Length), maps.Clone(c.Attributes), c.version
	info.Value = c.Value
	if c.Released {
		info.Next = c.Next
	}
	info.Acquired, info.Renewed, info.RenewEvery = c.Acquired, c.Renewed, time.Duration(c.RenewEvery)
	info.HoldAtLeast = c.HoldAtLeast
	info.Broken, info.NoTerm, info.History = c.broken(), c.broken() || c.Undone, c.History
	if c.Released {
		return info
	}
	info.Heeds, info.Wish = HeedsIn(c.Heeds), c.wish()
	info.Age, info.Timed = c.proven, c.timed
	if info.State == Held {
		info.RetryAfter, info.LookAfter = max(info.Length-c.idle, 1), c.next // 1: at once
	}
	return info
}

func (m *manager) load(ctx context.Context, name string) (cell, error) {
	sent := host.From(ctx).Read()
	snapshot, err := m.store.Load(ctx, name)
	if err != nil {
		return cell{}, err
	}
	return m.read(ctx, name, snapshot, look{sent: sent, asked: true})
}

// read decodes a snapshot, and remembers when it was first seen, counted from after the answer (R1).
func (m *manager) read(ctx context.Context, name string, snapshot Snapshot, l look) (cell, error) {
	h, sent := host.From(ctx), l.sent.Mono
	if snapshot.Version == "" {
		m.watch.free(name, "", "", sent)
		return cell{sent: sent}, nil
	}
	r, err := decode(snapshot.Data)
	if err != nil {
		todo := ": repair or remove it by hand"
		if errors.Is(err, ErrNewer) {
			todo = ""
		}
		return cell{}, fmt.Errorf("%w; it is left as it is%s", err, todo)
	}
	if !r.Released || r.Next == "" {
		m.named.Forget(name, sent)
	}
	c := cell{record: r, version: snapshot.Version, sent: sent, timed: snapshot.Age > 0}
	if r.Released {
		m.watch.free(name, "", c.version, sent)
		if r.Next != "" {
			c.stood = m.named.For(name, string(c.version), sent, h.Read().Mono, min(snapshot.Age, Forever))
		}
	} else {
		c.sight = m.watch.saw(h, name, c.version, r, l, snapshot.Age)
	}
	return c, nil
}

// swap writes the record, with a new nonce. Its own write counts as seen, from after the answer (R1).
func (m *manager) swap(ctx context.Context, name string, old Version, r *record) (Version, error) {
	h := host.From(ctx)
	r.Format, r.Nonce = r.format(), randomText(h)
	sent := h.Read().Mono
	version, err := m.store.Swap(ctx, name, old, r.encodeFor(name))
	switch {
	case err != nil:
		return "", err
	case r.Released:
		m.watch.free(name, old, version, sent)
	default:
		m.watch.wrote(name, old, version, r.Nonce, sent, h.Read().Mono)
	}
	return version, nil
}

// Limits are the store's. Every cell has room for a value.
func (m *manager) Limits() (limits Limits) {
	if l, ok := m.store.(Limiter); ok {
		limits = l.Limits()
	}
	if limits.MaxValue <= 0 || limits.MaxValue > maxValue {
		limits.MaxValue = maxValue
	}
	return limits
}

func (m *manager) Close() error {
	if c, ok := m.store.(Closer); ok {
		return c.Close()
	}
	return nil
}

func (m *manager) Inspect(ctx context.Context, name string) (Info, error) {
	if err := CheckName(name); err != nil {
		return Info{}, m.explain("inspect", name, err)
	}
	seen, err := m.load(ctx, name)
	if err != nil {
		return Info{}, m.explain("inspect", name, err)
	}
	return seen.info(name), nil
}

func (m *manager) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		lister, ok := m.store.(Lister)
		if !ok {
			yield(Info{}, Explain(m.place, "list leases", prefix, errors.ErrUnsupported))
			return
		}
		sent := host.From(ctx).Read() // not later than any of its requests
		for c, err := range lister.List(ctx, prefix) {
			if err != nil {
				yield(Info{}, Explain(m.place, "list leases", prefix, err))
				return
			}
			info := m.listed(ctx, c, sent)
			if errors.Is(info.Err, errKind) {
				continue
			}
			if !yield(info, nil) {
				return
			}
		}
	}
}

func (m *manager) listed(ctx context.Context, c Cell, sent host.Reading) Info {
	err := c.Err
	if err == nil {
		var seen cell
		if seen, err = m.read(ctx, c.Name, c.Snapshot, look{sent: sent}); err == nil {
			return seen.info(c.Name)
		}
	}
	return Info{Name: c.Name, Err: m.explain("list", c.Name, err)}
}

func (m *manager) explain(op, name string, err error) error {
	if err == nil || errors.Is(err, ErrHeld) { // the usual cases make no text
		return err
	}
	return Explain(m.place, op+" lease", name, err)
}

// randomText returns 128 random bits, in hexadecimal digits.
func randomText(h host.Host) string {
	var bits [16]byte
	binary.BigEndian.PutUint64(bits[:8], h.Uint64())
	binary.BigEndian.PutUint64(bits[8:], h.Uint64())
	return hex.EncodeToString(bits[:])
}
