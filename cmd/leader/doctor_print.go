package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/words"
	"github.com/cloudlease/leader/doctor"
)

const findingColumn = 9 // of the names after the results

// doctorsWords has what package doctor says to who writes a program, and what who runs the command is to do.
var doctorsWords = strings.NewReplacer("check with a new lease", "give --anew", "a new lease tries it again", "--anew tries it again")

// inWords returns a finding in the command's words.
func inWords(f doctor.Finding) doctor.Finding {
	f.Detail, f.Advice = words.Own(doctorsWords.Replace(f.Detail)), words.Own(doctorsWords.Replace(f.Advice))
	return f
}

// printFinding shows a finding to people.
func printFinding(w io.Writer, f doctor.Finding) {
	paint := show.Good
	switch f.Result {
	case doctor.Failed:
		paint = show.Bad
	case doctor.Warning:
		paint = show.Doubt
	case doctor.Skipped:
		paint = show.Faint
	}
	fmt.Fprintf(w, "%s%-*s%s\n", paint(fmt.Sprintf("%-*s", findingColumn, f.Result)), findingColumn, f.Check, show.Printable(f.Detail))
	if f.Advice != "" {
		fmt.Fprintf(w, "%*swhat to do: %s\n", 2*findingColumn, "", show.Printable(f.Advice))
	}
}

// printSummary shows what a report comes to.
func printSummary(w io.Writer, r doctor.Report) {
	count := map[doctor.Result]int{}
	for _, f := range r.Checks {
		count[f.Result]++
	}
	fmt.Fprintln(w)
	for _, l := range []struct {
		what string
		took *doctor.Latency
	}{{"reads", r.Reads}, {"renewals", r.Renewals}} {
		if l.took != nil {
			round := func(s float64) time.Duration { return show.Duration(s).Round(100 * time.Microsecond) }
			fmt.Fprintf(w, "%-9s p50 %v, p99 %v, max %v of %d\n", l.what, round(l.took.P50), round(l.took.P99), round(l.took.Max), l.took.Count)
		}
	}
	if r.Suggested > 0 {
		fmt.Fprintf(w, "suggested lease length: %v\n", show.Duration(r.Suggested))
	}
	text := show.Good("Nothing is wrong.")
	if !r.OK {
		text = show.Bad("Not fit, or not known to be.")
	}
	fmt.Fprintf(w, "%s ok: %d, warnings: %d, failed: %d, skipped: %d.\n", text, count[doctor.Well], count[doctor.Warning], count[doctor.Failed], count[doctor.Skipped])
}
