package explore

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every flaw is found, and the shortest path to it is told.
func TestFindsWhatIsBroken(t *testing.T) {
	for _, test := range []struct {
		what   string
		flaws  flaws
		faults int
		breaks string
		path   string // a part of it
	}{
		{"a store that writes whatever the cell holds", flaws{unconditional: true}, 0, "R5", ""},
		{"a store that deletes what is released", flaws{forgetful: true}, 0, "S2", "begins Release"},
		{"a sleep that shows on no clock", flaws{hiddenSleep: true}, 1, "S[12]", "is suspended"},
		{"a standby that counts by the wall clock", flaws{wallForMono: true}, 1, "S[12]", "its wall clock steps forward"},
		{"a holder that counts from the answer", flaws{countFromAnswer: true}, 0, "S[12]", ""},
		{"a holder without a margin, whose clock is slow", flaws{noMargin: true}, 0, "S[12]", ""},
		{"a store whose clock is ahead", flaws{ageingAges: true}, 0, "S[12]", ""},
		{"a value that changes without its number", flaws{unnumbered: true}, 0, "V3", "begins Renew"},
		{"a release before the work has returned", flaws{earlyRelease: true}, 0, "S[12]", "begins Release"},
	} {
		if test.faults > faultsByDefault {
			continue // too slow with the race detector
		}
		t.Run(test.what, func(t *testing.T) {
			r := newExplorer(Bound{Nodes: 2, Acquisitions: 2, Faults: test.faults, Steps: 3, Ages: test.flaws.ageingAges, Values: test.flaws.unnumbered}, test.flaws, nil).run()
			require.Error(t, r.Broken)
			t.Log("\n" + strings.Join(r.Path, "\n"))
			require.Regexp(t, test.breaks, r.Broken.Error()) // mostly, S1 and S2 break at the same moment
			require.Contains(t, strings.Join(r.Path, "\n"), test.path)
		})
	}
}
