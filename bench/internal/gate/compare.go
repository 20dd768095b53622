package gate

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// accept tells how to accept a change.
const accept = "to accept what is new, run go -C bench run ./gate -update, and commit bench/gate.json with a word on why"

// Compare returns the differences between the committed figures and those of now, as a table that ends with what to do; empty
// if there are none. left has a line for each kind that cannot be compared on this machine.
func Compare(committed, now Figures) (differences string, left []string) {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tof\tcommitted\tnow\t")
	found := false
	for _, k := range kinds {
		if why := k.incomparable(committed, now); why != "" {
			left = append(left, fmt.Sprintf("not compared: %s: %s", k.about, why))
			continue
		}
		was, is := committed.Kinds[k.name], now.Kinds[k.name]
		all := map[string]int64{}
		maps.Copy(all, was)
		maps.Copy(all, is)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			old, known := was[name]
			new, there := is[name]
			if known && there && k.same(old, new) {
				continue
			}
			found = true
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", k.about, name, text(old, known), text(new, there), judge(old, new, known && there))
		}
	}
	if !found {
		return "", left
	}
	_ = table.Flush() // to memory
	return b.String() + accept + "\n", left
}

// incomparable says why figures of a kind cannot be compared; empty: they can.
func (k kind) incomparable(committed, now Figures) string {
	switch {
	case k.sameGo && committed.Go != now.Go:
		return fmt.Sprintf("the committed figures are of %s, and this is %s", committed.Go, now.Go)
	case k.sameOS && committed.System != now.System:
		return fmt.Sprintf("the committed figures are of %s, and this is %s", committed.System, now.System)
	}
	return ""
}

func (k kind) same(old, new int64) bool {
	return math.Abs(float64(new-old)) <= k.within*float64(old)
}

func text(n int64, there bool) string {
	if !there {
		return "-"
	}
	return fmt.Sprint(n)
}

func judge(old, new int64, both bool) string {
	switch {
	case !both:
		return "not in both"
	case new < old:
		return "better"
	}
	return "worse"
}
