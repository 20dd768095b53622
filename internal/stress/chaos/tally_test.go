//go:build unix

package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// A tally counts what came about in a place, in all its elections.
type tally struct {
	place *place

	mu        sync.Mutex
	rounds    int
	counts    map[string]int  // of faults, by name
	crashes   []time.Duration // takeovers after a crash, or what looks like one from outside
	others    int             // takeovers that have another bound, or need not wait for the lease
	handovers []time.Duration // takeovers after a release
	excused   int             // takeovers while the store gave no clear answers
	refusals  int             // terms whose tokens the register refused
	writes    int
	terms     int
	journal   Evidence
}

func newTally(p *place) *tally { return &tally{place: p, counts: map[string]int{}} }

func (t *tally) count(fault string) { t.do(func() { t.counts[fault]++ }) }
func (t *tally) round()             { t.do(func() { t.rounds++ }) }

func (t *tally) excuse()  { t.do(func() { t.excused++ }) }
func (t *tally) refusal() { t.do(func() { t.refusals++ }) }

func (t *tally) tookOver(took time.Duration, crash bool) {
	t.do(func() {
		if crash {
			t.crashes = append(t.crashes, took)
		} else {
			t.others++
		}
	})
}

func (t *tally) handedOver(took time.Duration) {
	t.do(func() { t.handovers = append(t.handovers, took) })
}

func (t *tally) judged(writes, terms int, j Evidence) {
	t.do(func() {
		t.writes, t.terms = t.writes+writes, t.terms+terms
		t.journal.Effects += j.Effects
		t.journal.Terms += j.Terms
		t.journal.Refused += j.Refused
		t.journal.Failed += j.Failed
		t.journal.Slept += j.Slept
		t.journal.Careless += j.Careless
	})
}

func (t *tally) do(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}

// lacks returns what has to come about and has not: every kind of fault, and some takeovers after a crash. Where a round costs
// least, it also needs some takeovers after a release, and a write that the register refused: one that never refused has not
// been tested.
func (t *tally) lacks() (missing []string) {
	t.do(func() {
		for _, f := range t.place.possible() {
			if t.counts[f.name] == 0 {
				missing = append(missing, f.name)
			}
		}
		if len(t.crashes) < 3 {
			missing = append(missing, "three takeovers after a crash")
		}
		if t.place.process == "" && len(t.handovers) < 3 {
			missing = append(missing, "three takeovers after a release")
		}
		if t.place.process == "" && t.refusals == 0 {
			missing = append(missing, "a stale write that the register refused")
		}
	})
	return missing
}

// shares returns the median, the 99th percentile and the longest, in lease lengths.
func (t *tally) shares(took []time.Duration) (median, p99, longest float64) {
	if len(took) == 0 {
		return 0, 0, 0
	}
	sorted := slices.Sorted(slices.Values(took))
	at := func(p int) float64 { return t.lengths(sorted[(len(sorted)-1)*p/100]) }
	return at(50), at(99), at(100)
}

// late reports whether the median exceeds the bound. One or two values say nothing.
func (t *tally) late(took []time.Duration, bound time.Duration) bool {
	median, _, _ := t.shares(took)
	return len(took) > 2 && median > t.lengths(bound)
}

func (t *tally) lengths(d time.Duration) float64 { return d.Seconds() / t.place.length.Seconds() }

// table shows the tallies side by side.
func table(tallies []*tally) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	names := map[string]bool{}
	for _, t := range tallies {
		for name := range t.counts {
			names[name] = true
		}
	}
	row := func(what string, cell func(*tally) string) {
		fmt.Fprint(w, what, "\t")
		for _, t := range tallies {
			fmt.Fprint(w, cell(t), "\t")
		}
		fmt.Fprintln(w)
	}
	number := func(of func(*tally) int) func(*tally) string {
		return func(t *tally) string { return fmt.Sprint(of(t)) }
	}
	spread := func(of func(*tally) []time.Duration) func(*tally) string {
		return func(t *tally) string {
			median, p99, longest := t.shares(of(t))
			return fmt.Sprintf("%d: %.2f %.2f %.2f", len(of(t)), median, p99, longest)
		}
	}
	row("", func(t *tally) string { return t.place.name })
	row("lease", func(t *tally) string { return t.place.length.String() })
	row("rounds", number(func(t *tally) int { return t.rounds }))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		row(name, number(func(t *tally) int { return t.counts[name] }))
	}
	row("takeovers after a crash: median, p99, longest, in lease lengths", spread(func(t *tally) []time.Duration { return t.crashes }))
	row("bound", func(t *tally) string { return fmt.Sprintf("%.2f", t.lengths(t.place.bound())) })
	row("takeovers after a release: likewise", spread(func(t *tally) []time.Duration { return t.handovers }))
	row("bound", func(t *tally) string { return fmt.Sprintf("%.2f", t.lengths(t.place.interval()+request)) })
	row("other takeovers", number(func(t *tally) int { return t.others }))
	row("takeovers while the store was too slow to tell", number(func(t *tally) int { return t.excused }))
	row("terms", number(func(t *tally) int { return t.terms }))
	row("effects", number(func(t *tally) int { return t.journal.Effects }))
	row("accepted by the register", number(func(t *tally) int { return t.writes }))
	row("stale, refused by the register", number(func(t *tally) int { return t.journal.Refused }))
	row("register busy", number(func(t *tally) int { return t.journal.Failed }))
	row("overlaps: slept after Check", number(func(t *tally) int { return t.journal.Slept }))
	row("overlaps: careless", number(func(t *tally) int { return t.journal.Careless }))
	_ = w.Flush() // to memory
	return b.String()
}
