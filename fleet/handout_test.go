package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// After a broken chain of plans, parts that are nobody's are handed out once each session has acknowledged a plan of the new chain, or is over; and at the
// earliest when those that nobody knows have ended.
func TestDamage_WhenPartsAreHandedOut(t *testing.T) {
	sits := session{Seat: 3, Token: 2}
	for what, test := range map[string]struct {
		says  seatValue
		over  bool
		doubt time.Duration
		none  bool // the new chain has no parts yet
		may   bool
	}{
		"it has read the new chain":          {says: seatValue{Token: 2, Epoch: 7}, may: true},
		"it has read the old one":            {says: seatValue{Token: 2, Epoch: 6}},
		"it has read the old one, and ended": {says: seatValue{Token: 2, Epoch: 6}, over: true, may: true},
		"its work has not returned":          {says: seatValue{Token: 2, Epoch: 7, Stopping: []string{"a"}}, may: true}, // it is adopted
		"there may be others":                {says: seatValue{Token: 2, Epoch: 7}, doubt: time.Hour},
		"without parts, it has read it":      {says: seatValue{Token: 2, Epoch: 5}, none: true, may: true},
		"without parts, it has not":          {says: seatValue{Token: 2, Epoch: 4}, none: true},
	} {
		o := &office{
			base:  &plan{Epoch: 7, Width: minWidth, Parts: []entry{{Part: "a", Token: 7}, {Part: "b", Token: 7, From: session{Seat: 1, Token: 1}}}},
			facts: newFacts(), doubt: test.doubt, since: 5,
			seats: map[int]*seatView{3: {known: true, bound: true, value: test.says, info: lease.Info{State: lease.Held, Token: 2}}},
		}
		if test.none {
			o.base.Parts = nil
		}
		o.facts.over[sits] = test.over
		require.Equal(t, test.may, (&node{}).mayHandOut(o, time.Minute), what)
	}
}

// What sessions are stopping, and the plan does not have from them, they give (F3), whether the plan has the part or not: also while the list is
// not known, and in the same plan in which the list brings the part and it is handed out. Of several sessions, each gives in its turn.
func TestDamage_WhatSessionsAreStoppingIsAdopted(t *testing.T) {
	first, second, taker, over := session{1, 4}, session{2, 4}, session{3, 4}, session{4, 4}
	base := &plan{Epoch: 7, Width: minWidth, Parts: []entry{{Part: "b", Token: 7}, {Part: "d", Token: 7, From: first}, {Part: "e", Token: 7, Owner: first}, {Part: "f", Token: 7}}}
	o := &office{base: base, facts: newFacts(), seats: map[int]*seatView{}}
	says := func(s session, stopping ...string) {
		v := seatValue{Token: s.Token, Epoch: 8, Stopping: stopping}
		o.seats[s.Seat] = &seatView{known: true, bound: true, value: v, info: lease.Info{State: lease.Held, Token: s.Token}}
		o.facts.acknowledges(s, v)
	}
	says(first, "a", "b", "c", "d", "e")
	says(second, "b", "c")
	says(taker)
	says(over, "f")
	o.facts.over[over] = true
	now := situation{Width: minWidth, Over: o.facts.isOver, Stopped: o.facts.stopped, Claims: o.claims()}
	next, _ := assign(base, now)
	require.Equal(t, []entry{
		{Part: "a", Token: 8, From: first, Off: true}, {Part: "b", Token: 7, From: first}, {Part: "c", Token: 8, From: first, Off: true},
		{Part: "d", Token: 7, From: first}, {Part: "e", Token: 7, Owner: first}, {Part: "f", Token: 7},
	}, next.Parts)

	now.HasList, now.Parts, now.HandOut, now.Members = true, []string{"b", "c"}, true, []member{{session: taker, Weight: 1}}
	next, _ = assign(base, now)
	require.Equal(t, []entry{
		{Part: "a", Token: 8, From: first, Off: true}, {Part: "b", Token: 8, Owner: taker, From: first}, {Part: "c", Token: 8, Owner: taker, From: first},
		{Part: "d", Token: 7, From: first, Off: true}, {Part: "e", Token: 8, From: first, Off: true},
	}, next.Parts)

	says(first)
	o.base, now.Claims = next, o.claims()
	next, _ = assign(next, now)
	require.Equal(t, []entry{{Part: "b", Token: 8, Owner: taker, From: second}, {Part: "c", Token: 8, Owner: taker, From: second}}, next.Parts)
	says(second)
	o.base, now.Claims = next, o.claims()
	next, _ = assign(next, now)
	require.Equal(t, []entry{{Part: "b", Token: 8, Owner: taker}, {Part: "c", Token: 8, Owner: taker}}, next.Parts)
	require.Empty(t, o.claims())
}
