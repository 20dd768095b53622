package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cloudlease/leader/lease"
)

// result is what came of a check.
type result string

const (
	well    result = "ok"
	warning result = "warning"
	failed  result = "failed"
	skipped result = "skipped"
)

// A finding is what came of a check, and what to do about it.
type finding struct {
	Check   string  `json:"check"`
	Result  result  `json:"result"`
	Detail  string  `json:"detail,omitempty"`
	Advice  string  `json:"advice,omitempty"`
	Seconds float64 `json:"seconds"`
}

// An examination is all that doctor has to tell. Its JSON is for programs: fields may be added, and keep their meaning.
type examination struct {
	Store       string    `json:"store,omitempty"`
	Scratch     string    `json:"scratch"`
	OK          bool      `json:"ok"`
	Checks      []finding `json:"checks"`
	Reads       *latency  `json:"reads,omitempty"`
	Renewals    *latency  `json:"renewals,omitempty"`
	LeaseLength float64   `json:"lease_length_seconds"`
	Suggested   float64   `json:"suggested_lease_length_seconds,omitzero"`
	TellsAge    *bool     `json:"tells_age,omitempty"`
	AgeFrom     string    `json:"age_from,omitempty"`
	Limits      limits    `json:"limits"`

	results map[string]result
}

type limits struct {
	MinLength  float64 `json:"min_length_seconds,omitzero"`
	MaxLength  float64 `json:"max_length_seconds,omitzero"`
	LengthStep float64 `json:"length_step_seconds,omitzero"`
	WriteEvery float64 `json:"write_every_seconds,omitzero"`
}

// fine and wrong are findings with what was found.
func fine(format string, args ...any) finding {
	return finding{Result: well, Detail: fmt.Sprintf(format, args...)}
}

func wrong(advice, format string, args ...any) finding {
	return finding{Result: failed, Advice: advice, Detail: fmt.Sprintf(format, args...)}
}

// refused is the finding of a call that failed, and was not to.
func refused(err error) finding {
	advice := "do what that says, then run leader doctor again"
	switch {
	case errors.Is(err, lease.ErrMisconfigured), errors.Is(err, lease.ErrInvalid):
	case errors.Is(err, context.Canceled):
		advice = "run leader doctor again, and let it end"
	case errors.Is(err, lease.ErrHeld), errors.Is(err, lease.ErrLost):
		advice = "see that no other doctor is at work here, then run leader doctor again; if none is, " + unfit
	default:
		advice = "check the store's URL, its service, the network, and proxies and firewalls on the way; then run leader doctor again"
	}
	return finding{Result: failed, Detail: oneLine(err), Advice: advice}
}

func (r *examination) add(f finding) {
	r.Checks = append(r.Checks, f)
	r.results[f.Check] = f.Result
	if f.Result == failed || f.Detail == interrupted {
		r.OK = false
	}
}

// interrupted is the detail of a check that was not made for no fault of the store's.
const interrupted = "interrupted"

func (r *examination) err() error {
	if r.OK {
		return nil
	}
	var names []string
	for _, f := range r.Checks {
		if f.Result == failed {
			names = append(names, f.Check)
		}
	}
	if len(names) == 0 {
		return errors.New("doctor was interrupted: run it again, and let it end")
	}
	return fmt.Errorf("the store is not fit to elect a leader on, or cannot be seen to be: failed: %s", strings.Join(names, ", "))
}

const column = 9 // of the names after the results

func (f finding) print(w io.Writer) {
	paint := good
	switch f.Result {
	case failed:
		paint = bad
	case warning:
		paint = doubt
	case skipped:
		paint = faint
	}
	fmt.Fprintf(w, "%s%-*s%s\n", paint(fmt.Sprintf("%-*s", column, f.Result)), column, f.Check, printable(f.Detail))
	if f.Advice != "" {
		fmt.Fprintf(w, "%*swhat to do: %s\n", 2*column, "", printable(f.Advice))
	}
}

// conclude says what all came to.
func (r *examination) conclude(w io.Writer) {
	count := map[result]int{}
	for _, f := range r.Checks {
		count[f.Result]++
	}
	fmt.Fprintln(w)
	for _, l := range []struct {
		what string
		took *latency
	}{{"reads", r.Reads}, {"renewals", r.Renewals}} {
		if l.took != nil {
			fmt.Fprintf(w, "%-9s %s\n", l.what, l.took)
		}
	}
	if r.Suggested > 0 {
		fmt.Fprintf(w, "suggested lease length: %v\n", seconds(r.Suggested))
	}
	text := good("Nothing is wrong.")
	if !r.OK {
		text = bad("Not fit, or not known to be.")
	}
	fmt.Fprintf(w, "%s ok: %d, warnings: %d, failed: %d, skipped: %d.\n", text, count[well], count[warning], count[failed], count[skipped])
}

// A latency is what a number of requests took.
type latency struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_seconds"`
	P99   float64 `json:"p99_seconds"`
	Max   float64 `json:"max_seconds"`
}

// latencyOf is nil if there is nothing to tell.
func latencyOf(took []time.Duration) *latency {
	if len(took) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(took))
	return &latency{
		Count: len(sorted), P50: percentile(sorted, 50).Seconds(), P99: percentile(sorted, 99).Seconds(),
		Max: sorted[len(sorted)-1].Seconds(),
	}
}

// percentile is the least of those that p percent are not greater than.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[(len(sorted)*p+99)/100-1]
}

func (l *latency) String() string {
	show := func(s float64) time.Duration { return seconds(s).Round(100 * time.Microsecond) }
	return fmt.Sprintf("p50 %v, p99 %v, max %v of %d", show(l.P50), show(l.P99), show(l.Max), l.Count)
}
