package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// fit returns the length nearest to d within the limits.
func fit(d time.Duration, l lease.Limits) time.Duration {
	d = min(max(d, l.MinLength), lease.Forever) // so that no sum overflows
	if step := l.LengthStep; step > 0 {
		d = (d + step - 1) / step * step
	}
	if l.MaxLength > 0 {
		d = min(d, l.MaxLength)
	}
	return d
}

// usual returns the length that suits most leaders on a store with these limits: the default, if it is not too short here.
func usual(l lease.Limits) time.Duration { return max(needed(0, l), fit(leader.DefaultLeaseLength, l)) }

// leaderOf returns a leader on a store with these limits, for what package leader makes of a length.
func leaderOf(length time.Duration, l lease.Limits) *leader.Leader {
	return leader.New(
		leader.WithLeaseManager(storeless{limits: l}), leader.WithLeaseLength(length), leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WhenStarted(func(context.Context) error { return nil }),
	)
}

// storeless is a lease manager without a store. It is asked for a lease by a leader whose options are valid.
type storeless struct {
	lease.Manager
	limits lease.Limits
}

var errStoreless = errors.New("there is no store to ask")

func (s storeless) Limits() lease.Limits { return s.limits }

func (storeless) Acquire(context.Context, lease.Request) (lease.Lease, error) {
	return lease.Lease{}, errStoreless
}

// refusal returns why a leader on a store with these limits cannot have leases of this length: what Run would say; nil if it can.
func refusal(ctx context.Context, length time.Duration, l lease.Limits) error {
	if err := (lease.Request{Name: Scratch, Holder: holder(0), Length: length}).Validate(l); err != nil {
		return err // which Run says, too, among more
	}
	if err := leaderOf(length, l).RunOnce(context.WithoutCancel(ctx)); !errors.Is(err, errStoreless) {
		return err
	}
	return nil
}

func (d *doctor) checkLength(ctx context.Context) Finding {
	l := d.limits
	if err := refusal(ctx, d.length, l); err != nil {
		better := fit(d.length, l)
		if refusal(ctx, better, l) != nil {
			better = usual(l)
		}
		return wrong(fmt.Sprintf("use a lease length of %v", better), "%s", oneLine(err))
	}
	var has []string
	for _, limit := range []struct {
		what  string
		value fmt.Stringer
		isSet bool
	}{
		{"at least", l.MinLength, l.MinLength > 0},
		{"at most", l.MaxLength, l.MaxLength > 0},
		{"in steps of", l.LengthStep, l.LengthStep > 0},
		{"written at most once in", l.WriteEvery, l.WriteEvery > 0},
	} {
		if limit.isSet {
			has = append(has, fmt.Sprintf("%s %v", limit.what, limit.value))
		}
	}
	if len(has) == 0 {
		has = []string{"no limits"}
	}
	return fine("%v; the store's leases: %s", d.length, strings.Join(has, ", "))
}
