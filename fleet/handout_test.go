package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// After a broken chain of plans, parts that are nobody's are handed out once each session has acknowledged a plan of the new chain without them, or is
// over; and at the earliest when those that nobody knows have ended.
func TestDamage_WhenPartsAreHandedOut(t *testing.T) {
	sits := session{Seat: 3, Token: 2}
	for what, test := range map[string]struct {
		says  seatValue
		over  bool
		doubt time.Duration
		may   bool
	}{
		"it has read the new chain":          {says: seatValue{Token: 2, Epoch: 7}, may: true},
		"it has read the old one":            {says: seatValue{Token: 2, Epoch: 6}},
		"it has read the old one, and ended": {says: seatValue{Token: 2, Epoch: 6}, over: true, may: true},
		"its work has not returned":          {says: seatValue{Token: 2, Epoch: 7, Stopping: []string{"a"}}},
		"another's work has not returned":    {says: seatValue{Token: 2, Epoch: 7, Stopping: []string{"b"}}, may: true},
		"there may be others":                {says: seatValue{Token: 2, Epoch: 7}, doubt: time.Hour},
	} {
		o := &office{
			base:  &plan{Epoch: 7, Width: minWidth, Parts: []entry{{Part: "a", Token: 7}, {Part: "b", Token: 7, From: session{Seat: 1, Token: 1}}}},
			facts: newFacts(), doubt: test.doubt,
			seats: map[int]*seatView{3: {known: true, bound: true, value: test.says, info: lease.Info{State: lease.Held, Token: 2}}},
		}
		o.facts.over[sits] = test.over
		require.Equal(t, test.may, (&node{}).mayHandOut(o, time.Minute), what)
	}
}
