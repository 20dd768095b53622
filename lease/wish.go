package lease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// A Wish is something that somebody asks of a lease's holder, through the lease's record: to hand the lease over to a certain node,
// say. It is a request and decides nothing. The holder's next renewal finds it, and it is void as soon as that term is over.
// It neither renews a lease nor ends one: others count from the holder's latest renewal, as they would without it (R1).
type Wish struct {
	Kind  string    // WishHandover, or another kind that the holder acts on (Request.Heeds); empty: there is no wish
	For   string    // what the kind needs; for a hand-over the node that is to lead next
	By    string    // the one who asks, for people
	At    time.Time // when it was asked, by the clock of the one who asks, for people
	State WishState
}

// WishHandover asks the holder to give the lease up, in favour of the node that For names.
const WishHandover = "handover"

// A WishState tells how far a wish has come. A wish that a renewal has dropped is not shown any more.
type WishState string

const (
	WishAsked     WishState = "asked"     // no renewal has found it yet
	WishBegun     WishState = "begun"     // a renewal has found it, and the holder acts on it
	WishWithdrawn WishState = "withdrawn" // it was taken back, and no renewal has found that yet
)

// Stands reports whether there is a wish that was not withdrawn.
func (w Wish) Stands() bool { return w.State == WishAsked || w.State == WishBegun }

// is reports whether two wishes ask the same.
func (w Wish) is(other Wish) bool { return w.Kind == other.Kind && w.For == other.For }

// An Asker is a Manager through whose records wishes reach holders, as the functions Ask and Withdraw say.
type Asker interface {
	Ask(ctx context.Context, seen Info, w Wish) error
	Withdraw(ctx context.Context, seen Info) error
}

// Ask asks something of the holder that seen shows: the Info that Inspect returned, or that a HeldError has. It needs only Kind,
// For and By of the wish. Nil means that the wish stands in the record; whether the holder does what was asked shows later.
//
// The error is a *HeldError (errors.Is ErrHeld) if another node, or another term of the same, holds the lease by now. It is a
// *RefusedError (errors.Is ErrRefused) if nobody holds the lease, if its holder is late with its renewal or does not act on wishes of
// this kind, as one that runs an older program, or if another wish stands. To ask the same again does nothing. Between two renewals a
// holder can be asked once: so nobody keeps a dead holder's lease by asking. After any other error the wish may have been stored or not:
// it is safe to try again. The error is errors.ErrUnsupported if the manager is no Asker.
func Ask(ctx context.Context, m Manager, seen Info, w Wish) error {
	if a, ok := Find[Asker](m); ok {
		return a.Ask(ctx, seen, w)
	}
	return fmt.Errorf("ask the holder: %T: %w", m, errors.ErrUnsupported)
}

// Withdraw takes the wish back that seen shows, before its holder has begun. It also returns nil if that wish does not stand any more. The
// error is a *RefusedError if the holder has begun, if another wish stands, or if no renewal has found the wish when one was due: the
// holder may be dead, and who withdraws would keep its lease. The other errors are those of Ask.
func Withdraw(ctx context.Context, m Manager, seen Info) error {
	if a, ok := Find[Asker](m); ok {
		return a.Withdraw(ctx, seen)
	}
	return fmt.Errorf("withdraw a wish: %T: %w", m, errors.ErrUnsupported)
}

// errors.Is finds ErrRefused in each RefusedError.
var ErrRefused = errors.New("the holder cannot be asked")

// A RefusedError says why a wish was not written into a lease's record, or not withdrawn.
type RefusedError struct {
	Name   string // of the lease
	Reason RefusedReason
	Wish   Wish // the one that was refused
	Now    Info // the lease as it was found
}

// RefusedReason tells why a wish was refused.
type RefusedReason string

// The reasons. There may be more later.
const (
	RefusedFree     RefusedReason = "free"     // nobody holds the lease
	RefusedLate     RefusedReason = "late"     // its holder has not renewed it when it was due, and may be dead
	RefusedUnheeded RefusedReason = "unheeded" // its holder does not act on wishes of this kind
	RefusedPending  RefusedReason = "pending"  // another wish stands, or was withdrawn since the latest renewal
	RefusedBegun    RefusedReason = "begun"    // the holder acts on the wish already
)

// Error says why the wish was refused, and mostly what to do.
func (e *RefusedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "lease %q: ", e.Name)
	now := e.Now
	switch e.Reason {
	case RefusedFree:
		b.WriteString("nobody holds it, so there is nobody to ask")
	case RefusedLate:
		fmt.Fprintf(&b, "its holder %q has not renewed it for %v, and may be dead: wait until it has, or until another node leads",
			now.Holder, now.Age.Round(time.Millisecond))
	case RefusedUnheeded:
		fmt.Fprintf(&b, "its holder %q does not act on wishes of the kind %q: update the program that it runs, unless it runs once, as a job does", now.Holder, e.Wish.Kind)
	case RefusedPending:
		if now.Wish.State == WishWithdrawn {
			fmt.Fprintf(&b, "a wish was withdrawn, and its holder %q has not renewed it since: try again in a moment", now.Holder)
			break
		}
		fmt.Fprintf(&b, "another wish stands (%s): withdraw it first", now.Wish)
	case RefusedBegun:
		fmt.Fprintf(&b, "its holder %q acts on the wish already (%s)", now.Holder, now.Wish)
	default:
		b.WriteString(string(e.Reason))
	}
	return b.String()
}

// Is makes errors.Is find ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// String describes the wish to people.
func (w Wish) String() string {
	if w.Kind == "" {
		return "no wish"
	}
	text := w.Kind
	if w.For != "" {
		text = fmt.Sprintf("%s to %q", text, w.For)
	}
	if w.By != "" {
		text = fmt.Sprintf("%s, asked by %q", text, w.By)
	}
	return text
}

// Check reports why the wish cannot stand in a record: its kind is 1 to 32 lower-case letters, digits and hyphens, and For and By are
// empty or like names (CheckName). The error is an ErrInvalid.
func (w Wish) Check() error {
	problems := []error{checkKind(w.Kind)}
	for what, text := range map[string]string{"for": w.For, "by": w.By} {
		if text == "" {
			continue
		}
		if err := CheckName(text); err != nil {
			problems = append(problems, fmt.Errorf("the wish's %s: %w", what, err))
		}
	}
	return errors.Join(problems...)
}

const (
	maxKind  = 32
	maxKinds = 8
)

func checkKind(kind string) error {
	other := func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' }
	if kind == "" || len(kind) > maxKind || strings.ContainsFunc(kind, other) {
		return fmt.Errorf("%w: the kind of wish %.40q is not 1 to %d lower-case letters, digits and hyphens", ErrInvalid, kind, maxKind)
	}
	return nil
}

// MayAsk decides for a manager whether a wish may be written into the record that now shows, of the holder that seen shows. It reports
// done if the same wish stands there already.
func (w Wish) MayAsk(now, seen Info) (done bool, err error) {
	refuse := func(why RefusedReason) error {
		return &RefusedError{Name: seen.Name, Reason: why, Wish: w, Now: now}
	}
	switch {
	case now.State != Held || now.Broken:
		return false, refuse(RefusedFree)
	case now.ID != seen.ID || now.Token != seen.Token:
		return false, &HeldError{Info: now}
	case now.Wish.Stands() && now.Wish.is(w):
		return true, nil
	case !slices.Contains(now.Heeds, w.Kind):
		return false, refuse(RefusedUnheeded)
	case now.RenewEvery > 0 && now.Age >= 2*now.RenewEvery:
		return false, refuse(RefusedLate)
	case now.Wish.State != "":
		return false, refuse(RefusedPending)
	}
	return false, nil
}

// MayWithdraw decides for a manager whether the wish that seen shows may be withdrawn from the record that now shows. It reports done if it
// does not stand there any more.
func MayWithdraw(now, seen Info) (done bool, err error) {
	refuse := func(why RefusedReason) error {
		return &RefusedError{Name: seen.Name, Reason: why, Wish: seen.Wish, Now: now}
	}
	switch {
	case now.State != Held || now.Broken:
		return false, refuse(RefusedFree)
	case now.ID != seen.ID || now.Token != seen.Token:
		return false, &HeldError{Info: now}
	case !now.Wish.Stands():
		return true, nil
	case !now.Wish.is(seen.Wish):
		return false, refuse(RefusedPending)
	case now.Wish.State == WishBegun:
		return false, refuse(RefusedBegun)
	case now.RenewEvery > 0 && now.Age >= now.RenewEvery: // an Ask may have come as late as two intervals after the renewal
		return false, refuse(RefusedLate)
	}
	return false, nil
}

// FoundBy returns what a renewal makes of a wish that it finds in its own record: the holder begins to act on it. A wish of a kind
// that it does not act on, or that was withdrawn, is dropped.
func (w Wish) FoundBy(held Lease) Wish {
	if !w.Stands() || !slices.Contains(held.Heeds, w.Kind) {
		return Wish{}
	}
	w.State = WishBegun
	return w
}

// Ask is one Load and one Swap.
func (m *manager) Ask(ctx context.Context, seen Info, w Wish) error {
	err := w.Check()
	if err == nil {
		w.At, w.State = stamp(host.From(ctx)), WishAsked
		err = m.mark(ctx, seen.Name, func(now Info) (Wish, bool, error) {
			done, err := w.MayAsk(now, seen)
			return w, done, err
		})
	}
	return m.explain("ask the holder of", seen.Name, err)
}

// Withdraw is one Load and, if the wish stands, one Swap.
func (m *manager) Withdraw(ctx context.Context, seen Info) error {
	return m.explain("withdraw a wish about", seen.Name, m.mark(ctx, seen.Name, func(now Info) (Wish, bool, error) {
		done, err := MayWithdraw(now, seen)
		w := now.Wish
		w.State = WishWithdrawn
		return w, done, err
	}))
}

// mark writes a wish into the record of a held lease, as change says. The rest stays as it is, the nonce of the holder's latest write
// among it: by that, others tell that nobody has renewed the lease (R1).
func (m *manager) mark(ctx context.Context, name string, change func(now Info) (w Wish, done bool, err error)) error {
	if err := CheckName(name); err != nil {
		return err
	}
	for range MaxSwaps {
		now, err := m.load(ctx, name)
		if err != nil {
			return err
		}
		w, done, err := change(now.info(name))
		if done || err != nil {
			return err
		}
		r := now.record
		r.Wish = wishOf(w, r.Token)
		r.Wish.Nonce = randomText(host.From(ctx))
		if _, err = m.store.Swap(ctx, name, now.version, r.encodeFor(name)); !errors.Is(err, ErrConflict) {
			return err
		}
		// R4: the holder has renewed meanwhile, or the conflict was with this call's own write. The next look shows which.
	}
	return ErrTooManyConflicts
}
