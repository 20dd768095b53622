package failover

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloudlease/leader/bench/internal/report"
)

// Handover is a Result of hand-overs alone, to standbys that are woken.
type Handover struct {
	Result
	Memory []float64 `json:"memory"` // of InMemory: in milliseconds
}

// The goal of a hand-over to a standby that is woken, in milliseconds.
const (
	goalMedian = 50
	goalP99    = 200
)

// Section returns this part of the page.
func (r Handover) Section() (report.Section, error) {
	s := report.Section{Title: "Hand-over to a standby that is woken", Command: "make bench PART=handover"}
	var b strings.Builder
	fmt.Fprintf(&b, "As the hand-overs above, but the standbys of this library wait at the leader's `/watch` (`leaderhttp.Follow`), and on files also for the\n"+
		"system's file events. One peer is measured after another, with %d groups of three processes. A leader is told to end with SIGTERM after %s to\n%s of its renew intervals. "+
		"In milliseconds, from the answer to the release until the next leader's work begins:\n\n", r.Groups, report.Figure(r.LeadFrom), report.Figure(r.LeadTo))
	var rows [][]string
	var judged []string
	var medians []float64
	for _, of := range r.Peers {
		if len(of.Handovers) == 0 {
			continue
		}
		row := []string{of.Name, fmt.Sprint(len(of.Handovers))}
		for _, q := range []float64{0.5, 0.9, 0.99, 1} {
			row = append(row, fmt.Sprintf("%.0f", quantile(of.Handovers, q)))
		}
		rows = append(rows, append(row, fmt.Sprint(of.Overlaps)))
		if of.Ours {
			medians = append(medians, quantile(of.Handovers, 0.5))
			judged = append(judged, of.Name+": "+report.Met(atOnce(of.Handovers)))
		}
	}
	b.WriteString(report.Table([]string{"", "hand-overs", "median", "90 %", "99 %", "longest", "overlaps"}, rows...))
	if len(judged) > 0 {
		s.Key = fmt.Sprintf("After a release, the next leader's work begins within %.0f to %.0f ms in the median, by store.", slices.Min(medians), slices.Max(medians))
		fmt.Fprintf(&b, "\nThe goal is a median of %d ms at most, and 99 %% within %d ms: %s.\n", goalMedian, goalP99, strings.Join(judged, "; "))
	}
	if len(r.Memory) > 0 {
		fmt.Fprintf(&b, "\nWith `lease/memory`, it takes a median of %.1f ms from when a leader of three in one process is told to end, and\n99 %% take %.1f at most, in %d hand-overs: %s.\n",
			quantile(r.Memory, 0.5), quantile(r.Memory, 0.99), len(r.Memory), report.Met(atOnce(r.Memory)))
	}
	b.WriteString("\nOf a release, a standby hears at once; it asks after a random time of at most 20 ms, so that not all ask in the same moment, and its\n" +
		"work begins when the store has answered a read and a write.\n")
	b.WriteString(report.Missing(r.Missing))
	s.Text = b.String()
	return s, nil
}

// atOnce reports whether the goal is met.
func atOnce(handovers []float64) bool {
	return quantile(handovers, 0.5) <= goalMedian && quantile(handovers, 0.99) <= goalP99
}
