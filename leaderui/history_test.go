package leaderui

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// Where a look shows only some of the leases, one that it does not show may still be there, and one that it shows first may be an old one.
func TestHistory_OfManyLeases(t *testing.T) {
	t.Parallel()
	now := time.Now()
	glanceOf := func(cut bool, names ...string) *glance {
		g := &glance{cut: cut}
		for _, name := range names {
			g.sights = append(g.sights, sightOf(lease.Info{Name: name, State: lease.Expired, ID: "of " + name, Holder: "node-a", Token: 7}, now))
		}
		return g
	}
	for what, test := range map[string]struct {
		before, after *glance
		changes       []string
	}{
		"all are shown":           {glanceOf(false, "a", "b", "c"), glanceOf(false, "a", "d"), []string{"gone b", "gone c", "expired d"}},
		"some are shown":          {glanceOf(true, "a", "b", "c"), glanceOf(true, "a", "d"), nil},
		"some, and then all":      {glanceOf(true, "a", "b", "c"), glanceOf(false, "a", "d"), []string{"gone b", "gone c"}},
		"all, and then only some": {glanceOf(false, "a", "b", "c"), glanceOf(true, "a", "d"), []string{"expired d"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			var h history
			h.add(test.before, now)
			h.add(test.after, now.Add(time.Second))
			var changes []string
			for _, c := range h.changes {
				changes = append(changes, c.What+" "+c.Lease)
			}
			require.Equal(t, test.changes, changes)
		})
	}
}
