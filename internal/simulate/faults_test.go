package simulate

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// named returns the row of a fault.
func named(t testing.TB, name string) *Fault {
	t.Helper()
	i := slices.IndexFunc(faults, func(f *Fault) bool { return f.name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return faults[i]
}

// Every row says how the fault is planned, what it does, and how often it has to come about.
func TestFaultsAreWhole(t *testing.T) {
	names := map[string]bool{}
	for _, f := range faults {
		assert.False(t, names[f.name], "there are two rows named %s", f.name)
		names[f.name] = true
		assert.NotEmpty(t, f.what, "%v does not say what it does", f)
		does := map[victim]bool{
			ofRequest: f.request != nil, ofWork: f.returns != nil || f.during != nil || f.late != nil,
			ofHint: f.hint != nil, ofMachine: f.ails != nil, ofEvent: f.strikes != nil,
		}
		assert.True(t, does[f.of], "%v does nothing", f)
		planned := f.odds > 0
		if f.of == ofMachine || f.of == ofEvent {
			planned = f.share > 0
		}
		assert.True(t, planned, "%v is never planned", f)
		assert.Positive(t, f.floor, "%v need not come about", f)
	}
}

// Every fault that a plan has drawn is told, and can be left out by itself.
func TestFaultsAreToldAndLeftOut(t *testing.T) {
	for _, f := range faults {
		seed := uint64(1)
		for ; drawnBy(NewPlan(seed), f) != 1; seed++ {
			require.Less(t, seed, uint64(1000), "no plan has %v once", f)
		}
		plan := NewPlan(seed)
		assert.Contains(t, plan.String(), f.name)
		assert.True(t, slices.ContainsFunc(smaller(plan), func(less Plan) bool {
			return drawnBy(less, f) == 0 && len(drawnFaults(less)) == len(drawnFaults(plan))-1
		}), "%v cannot be left out alone", f)
	}
}

func drawnBy(p Plan, f *Fault) (n int) {
	for _, drawn := range drawnFaults(p) {
		if drawn == f {
			n++
		}
	}
	return n
}

// drawnFaults returns the fault of each chance, ailment and event of a plan.
func drawnFaults(p Plan) (all []*Fault) {
	for _, c := range p.Chances {
		all = append(all, c.Fault)
	}
	for _, m := range p.Machines {
		if m.Ailment != nil {
			all = append(all, m.Ailment)
		}
	}
	for _, e := range p.Events {
		all = append(all, e.Fault)
	}
	return all
}
