package lease_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

func TestHeldError(t *testing.T) {
	for text, info := range map[string]lease.Info{
		`lease "orders" is held`:                            {Name: name},
		`lease "orders" is held by "worker"`:                {Name: name, Holder: "worker"},
		`lease "orders" is held by "worker" with token 7`:   {Name: name, Holder: "worker", Token: 7},
		`lease "orders" is held by "wor\"ker" with token 7`: {Name: name, Holder: `wor"ker`, Token: 7},
	} {
		err := fmt.Errorf("campaign: %w", &lease.HeldError{Info: info})
		require.EqualError(t, err, "campaign: "+text)
		require.ErrorIs(t, err, lease.ErrHeld)
		require.NotErrorIs(t, err, lease.ErrLost)
		var held *lease.HeldError
		require.ErrorAs(t, err, &held)
		require.Equal(t, info, held.Info)
	}
}

func TestLostError(t *testing.T) {
	now := lease.Info{Holder: "other", Token: 8}
	for text, lost := range map[string]*lease.LostError{
		`it was not renewed before its deadline`:                {Reason: lease.LostExpired},
		`it was not renewed before its deadline: store is down`: {Reason: lease.LostExpired, Err: errDown},
		`"other" holds it with token 8`:                         {Reason: lease.LostTaken, Now: now},
		`somebody else has it`:                                  {Reason: lease.LostTaken}, // who does not say who
		`it was released`:                                       {Reason: lease.LostReleased},
		`its record is gone`:                                    {Reason: lease.LostGone},
		`broken`:                                                {Reason: "broken"}, // by another manager
	} {
		lost.Name, lost.Token = name, 7
		err := fmt.Errorf("work: %w", lost)
		require.EqualError(t, err, `work: lease "orders" with token 7 is lost: `+text)
		require.ErrorIs(t, err, lease.ErrLost)
		require.NotErrorIs(t, err, lease.ErrHeld)
		require.Equal(t, lost.Err != nil, lost.Unwrap() != nil)
		if lost.Err != nil {
			require.ErrorIs(t, err, errDown)
		}
		var as *lease.LostError
		require.ErrorAs(t, err, &as)
		require.Same(t, lost, as)
	}
}

func TestErrorsSayWhatWasTriedOnWhat(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		holder.script(failed, failed)
		_, err := holder.renew(held)
		require.EqualError(t, err, `faulty store: renew lease "orders": store is down`)
		require.EqualError(t, holder.release(held), `faulty store: release lease "orders": store is down`)
		standby.scriptLoads(unread, unread)
		_, err = standby.acquire()
		require.EqualError(t, err, `faulty store: acquire lease "orders": store is down`)
		_, err = lease.Inspect(t.Context(), standby.manager, name)
		require.EqualError(t, err, `faulty store: inspect lease "orders": store is down`)
		standby.scriptLoads(garbled)
		_, err = standby.acquire()
		require.ErrorContains(t, err, "repair or remove it by hand")
		_, err = standby.acquire()
		require.EqualError(t, err, `lease "orders" is held by "worker" with token 1`)
	})
	unnamed := lease.NewManager(limited{&faulty{}})
	_, err := lease.Inspect(t.Context(), unnamed, "")
	require.ErrorContains(t, err, `lease_test.limited: inspect lease "": `, "a store without a name is called by its type")
	require.Equal(t, "lease_test.limited", unnamed.(fmt.Stringer).String())
}

func TestMisconfiguredError(t *testing.T) {
	cause := errors.New("no such bucket")
	err := lease.Explain("s3://b", "acquire lease", name, fmt.Errorf("read: %w", &lease.MisconfiguredError{Err: cause, Advice: "create the bucket"}))
	require.EqualError(t, err, `s3://b: acquire lease "orders": read: no such bucket: create the bucket`)
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	require.ErrorIs(t, err, cause)
	require.NotErrorIs(t, err, lease.ErrRecord)
	require.EqualError(t, &lease.MisconfiguredError{Advice: "create the bucket"}, "lease store is misconfigured: create the bucket")

	require.NoError(t, lease.Explain("s3://b", "acquire lease", name, nil))
	for _, enough := range []error{&lease.HeldError{}, &lease.LostError{}} {
		require.Same(t, enough, lease.Explain("s3://b", "renew lease", name, enough))
	}
}

// A place is named as its manager names it, or the manager that this one wraps.
func TestPlaceOf(t *testing.T) {
	m := memory.New()
	require.Equal(t, "memory", lease.PlaceOf(m))
	require.Equal(t, "struct { lease.Manager }", lease.PlaceOf(struct{ lease.Manager }{m}), "it hides the other")
	_, err := lease.MakePlace(t.Context(), m, "")
	require.EqualError(t, err, "memory: make it: unsupported operation")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.NoError(t, lease.FindPlace(t.Context(), m))
}

func TestStates(t *testing.T) {
	for state, text := range map[lease.State]string{
		lease.Free: "free", lease.Held: "held", lease.Expired: "expired", 17: "unknown",
	} {
		require.Equal(t, text, state.String())
	}
}
