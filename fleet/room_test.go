package fleet

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// A plan that does not fit into the lease is published without what can wait: balance, hints, what operators ask for, a longer list. So a part
// that leaves the list is stopped, and a pin comes, though there is no room for balance.
func TestF8_APlanThatDoesNotFitWithEverything(t *testing.T) {
	a, b := session{1, 1}, session{2, 1}
	random := rand.NewChaCha8([32]byte{})
	name := func() string { return fmt.Sprintf("%016x", random.Uint64()) }
	var parts []string
	for range 200 {
		parts = append(parts, name())
	}
	parts = sorted(parts)
	base := &plan{Epoch: 1000, Width: minWidth, Seated: []session{a, b}}
	for _, part := range parts {
		base.Parts = append(base.Parts, entry{Part: part, Owner: a, Token: 900})
	}
	whole := situation{
		HasList: true, Parts: parts, Width: minWidth, Seated: base.Seated, Members: []member{{session: a, Node: "a", Weight: 1}, {session: b, Node: "b", Weight: 1}},
		Over: newFacts().isOver, Stopped: newFacts().stopped, HandOut: true, Balance: true,
	}
	with := func(change func(*situation)) situation {
		s := whole
		change(&s)
		return s
	}
	fewer := func(s *situation) { s.Parts = parts[1:] }
	more := func(s *situation) {
		s.Parts = slices.Clone(parts)
		for range 50 {
			s.Parts = append(s.Parts, name())
		}
		s.Parts = sorted(s.Parts)
	}
	move := func(s *situation) { s.Moves = []pin{{parts[7], "b"}} }
	for what, test := range map[string]struct {
		s, fits situation // there is room for fits, and not for more
		none    bool      // nothing is published
	}{
		"all":                                  {s: whole, fits: whole},
		"balance waits":                        {s: whole, fits: with(func(s *situation) { s.Balance = false }), none: true},
		"a part leaves, and balance waits":     {s: with(fewer), fits: with(func(s *situation) { fewer(s); s.Balance = false })},
		"a part leaves, and the hints go":      {s: with(fewer), fits: with(func(s *situation) { fewer(s); s.Balance, s.Seated = false, nil })},
		"a part is to move":                    {s: with(move), fits: with(func(s *situation) { move(s); s.Balance = false })},
		"a longer list waits, and balance not": {s: with(more), fits: with(func(s *situation) { s.HasList = false })},
		"a longer list and a move wait":        {s: with(func(s *situation) { more(s); move(s) }), fits: with(func(s *situation) { s.Balance, s.HasList = false, false }), none: true},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var troubles []Event
				n := newNode(t.Context(), New(WithName("f"), WithShards(3), WithLeaseManager(memory.New()), WithLogger(slog.New(slog.DiscardHandler)), WithObserver(func(e Event) { troubles = append(troubles, e) })))
				o := &office{ctx: t.Context(), teller: newTeller(nil), facts: newFacts(), seats: map[int]*seatView{}, base: base}
				want, _ := assign(base, test.fits)
				if test.none {
					require.Nil(t, want)
					want = base
				}
				text, err := encodePlan(want)
				require.NoError(t, err)
				n.opts.limits = lease.Limits{MaxValue: len(text)}
				n.advance(o, test.s, false)
				require.Equal(t, want, o.base)
				synctest.Wait()
				if what == "all" {
					require.Empty(t, slices.DeleteFunc(troubles, func(e Event) bool { _, is := e.(TroubleEvent); return !is }))
				} else {
					require.IsType(t, TroubleEvent{}, troubles[len(troubles)-1])
				}
				next, _ := assign(o.base, test.s)
				n.opts.limits = lease.Limits{MaxValue: lease.MaxCell}
				n.advance(o, test.s, false)
				if next != nil {
					require.Equal(t, next, o.base, "once there is room, all of it comes")
				}
			})
		})
	}
}

// If nothing fits, the old plan stays.
func TestF8_NoPlanFits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t.Context(), New(WithName("f"), WithShards(3), WithLeaseManager(memory.New()), WithLogger(slog.New(slog.DiscardHandler))))
		base := &plan{Epoch: 1, Width: minWidth}
		o := &office{ctx: t.Context(), teller: newTeller(nil), facts: newFacts(), seats: map[int]*seatView{}, base: base}
		n.opts.limits = lease.Limits{MaxValue: 10}
		n.advance(o, situation{HasList: true, Parts: []string{"a"}, Width: minWidth, Balance: true, Moves: []pin{{"a", "b"}}, Seated: []session{{1, 1}}}, true)
		require.Same(t, base, o.base)
	})
}
