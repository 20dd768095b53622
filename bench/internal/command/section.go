package command

import (
	"fmt"
	"slices"

	"github.com/cloudlease/leader/bench/internal/report"
)

// Section returns this part of the page.
func (r Result) Section() (report.Section, error) {
	s := report.Section{Title: "When leader run is killed", Command: "make bench PART=command"}
	var rows [][]string
	most := 0.0
	for _, store := range r.Stores {
		if len(store.Took) == 0 {
			continue
		}
		took := slices.Sorted(slices.Values(store.Took))
		longest := took[len(took)-1]
		most = max(most, longest)
		rows = append(rows, []string{
			"leader run on " + store.Name, fmt.Sprint(len(took)), seconds(took[len(took)/2]), seconds(longest),
			report.Figure(longest / r.AcquireEvery), report.Figure(longest / r.Length),
		})
	}
	s.Text = fmt.Sprintf("`leader run` is killed with SIGKILL, as the kernel does when memory runs out. Its guard ends the program and gives the\n"+
		"lease back. Measured is the time from the kill until the program of the other node runs. The other node asks for the lease every\n"+
		"%s seconds, and was at a random moment of that interval. A machine that is gone takes its guard with it: then the other node\n"+
		"waits until the lease of %s seconds has run out, as under Failover.\n\n", report.Figure(r.AcquireEvery), report.Figure(r.Length)) +
		report.Table([]string{"", "kills", "median, s", "longest, s", "longest, acquire intervals", "longest, lease lengths"}, rows...)
	if most > 0 {
		s.Key = fmt.Sprintf("After leader run is killed, the other node's program runs within %s acquire intervals, on every store.", report.Figure(most/r.AcquireEvery))
	}
	return s, nil
}

func seconds(s float64) string { return fmt.Sprintf("%.2f", s) }
