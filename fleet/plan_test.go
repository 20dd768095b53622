package fleet

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// small is a plan with one entry of each kind.
func small() *plan {
	return &plan{
		Epoch: 9, Width: 4, Version: 3,
		Parts: []entry{
			{Part: "a", Owner: session{1, 17}, Token: 9, From: session{2, 5}},
			{Part: "b", Owner: session{1, 17}, Token: 4},
			{Part: "c", Token: 1},
			{Part: "d", Token: 8, From: session{2, 5}, Off: true},
			{Part: "e", Token: 8, From: session{2, 5}},
		},
		Seated: []session{{1, 17}, {2, 5}},
		Pins:   []pin{{"a", "host-1"}, {"c", "host-2"}},
	}
}

func TestPlanFind(t *testing.T) {
	t.Parallel()
	p := small()
	for _, e := range p.Parts {
		found, ok := p.find(e.Part)
		require.True(t, ok)
		require.Equal(t, e, found)
	}
	for _, name := range []string{"", "A", "aa", "f"} {
		_, ok := p.find(name)
		require.False(t, ok, name)
	}
	_, ok := (&plan{}).find("a")
	require.False(t, ok)
}

// Any difference but that of the epoch is one, and a clone can be changed.
func TestPlanSameAs(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(p *plan){
		"width":      func(p *plan) { p.Width++ },
		"version":    func(p *plan) { p.Version++ },
		"owner":      func(p *plan) { p.Parts[1].Owner.Token++ },
		"token":      func(p *plan) { p.Parts[1].Token++ },
		"from":       func(p *plan) { p.Parts[4].From = session{} },
		"off":        func(p *plan) { p.Parts[4].Off = true },
		"a part":     func(p *plan) { p.Parts = p.Parts[:4] },
		"who sits":   func(p *plan) { p.Seated[0].Token++ },
		"who stands": func(p *plan) { p.Seated = nil },
		"where":      func(p *plan) { p.Pins[0].Node = "host-3" },
		"a pin":      func(p *plan) { p.Pins = p.Pins[:1] },
	} {
		p := small()
		c := p.clone()
		require.Equal(t, p, c)
		require.True(t, p.sameAs(c))
		change(c)
		require.Equal(t, small(), p, "a change of the clone")
		require.False(t, p.sameAs(c), name)
		require.False(t, c.sameAs(p), name)
	}
	p := small()
	p.Epoch++
	require.True(t, p.sameAs(small()))
}

// invalid are plans that break a rule each, and a part of what valid says.
var invalid = map[string]func(p *plan){
	"its epoch is 0":           func(p *plan) { p.Epoch = 0 },
	"and epochs are":           func(p *plan) { p.Epoch = math.MaxUint64 },
	"its width is 3":           func(p *plan) { p.Width = 3 },
	"its width is 65537":       func(p *plan) { p.Width = 65537 },
	`"d" stands in it twice`:   func(p *plan) { p.Parts[2].Part = "d" },
	"out of order":             func(p *plan) { p.Parts[0].Part = "x" },
	"the name is empty":        func(p *plan) { p.Parts[0].Part = "" },
	"control character":        func(p *plan) { p.Parts[0].Part = "\x01" },
	"is not UTF-8":             func(p *plan) { p.Parts[4].Part = "\xff" },
	"more than 255":            func(p *plan) { p.Parts[4].Part = strings.Repeat("x", 256) },
	"its token is 10":          func(p *plan) { p.Parts[0].Token = 10 },
	"its token is 0":           func(p *plan) { p.Parts[2].Token = 0 },
	"no session 0.1":           func(p *plan) { p.Parts[0].Owner = session{0, 1} },
	"no session 1.0":           func(p *plan) { p.Parts[0].Owner = session{1, 0} },
	"no session 65537.1":       func(p *plan) { p.Parts[0].From = session{65537, 1} },
	"no session -1.1":          func(p *plan) { p.Parts[0].From = session{-1, 1} },
	"off the list, and yet":    func(p *plan) { p.Parts[0].Off = true },
	"or nobody has to stop":    func(p *plan) { p.Parts[2].Off = true },
	"1.17 is seated twice":     func(p *plan) { p.Seated[1] = p.Seated[0] },
	"who is seated: there is":  func(p *plan) { p.Seated[1] = session{2, 0} },
	"1.1 is seated twice, or":  func(p *plan) { p.Seated[1] = session{1, 1} },
	`"c" is pinned twice, or`:  func(p *plan) { p.Pins[0].Part = "c" },
	"pinned: invalid":          func(p *plan) { p.Pins[1].Node = "" },
	"4097 parts are pinned":    func(p *plan) { p.Pins = slices.Repeat(p.Pins[:1], maxPins+1) },
	"131073 parts, more than ": func(p *plan) { p.Parts = slices.Repeat(p.Parts[:1], maxParts+1) },
}

func TestPlanValid(t *testing.T) {
	t.Parallel()
	require.NoError(t, small().valid())
	require.NoError(t, (&plan{Epoch: 1, Width: 4}).valid())
	for wrong, change := range invalid {
		p := small()
		change(p)
		require.ErrorContains(t, p.valid(), wrong)
	}
}
