package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/words"
	"github.com/cloudlease/leader/lease"
)

// A Result is the result of a check.
type Result string

const (
	Well    Result = "ok"
	Warning Result = "warning"
	Failed  Result = "failed"
	Skipped Result = "skipped"
)

// A finding is the result of a check, with advice.
type Finding struct {
	Check   string  `json:"check"`
	Result  Result  `json:"result"`
	Detail  string  `json:"detail,omitempty"`
	Advice  string  `json:"advice,omitempty"`
	Seconds float64 `json:"seconds"`
}

// A Report is all that doctor has to tell. Its JSON is for programs: fields may be added, and keep their meaning.
type Report struct {
	Store       string    `json:"store,omitempty"`
	Scratch     string    `json:"Scratch"`
	OK          bool      `json:"ok"`
	Checks      []Finding `json:"checks"`
	Reads       *latency  `json:"reads,omitempty"`
	Renewals    *latency  `json:"renewals,omitempty"`
	LeaseLength float64   `json:"lease_length_seconds"`
	Suggested   float64   `json:"suggested_lease_length_seconds,omitzero"`
	TellsAge    *bool     `json:"tells_age,omitempty"`
	AgeFrom     string    `json:"age_from,omitempty"`
	Limits      limits    `json:"limits"`

	results map[string]Result
}

type limits struct {
	MinLength  float64 `json:"min_length_seconds,omitzero"`
	MaxLength  float64 `json:"max_length_seconds,omitzero"`
	LengthStep float64 `json:"length_step_seconds,omitzero"`
	WriteEvery float64 `json:"write_every_seconds,omitzero"`
}

// fine and wrong return findings.
func fine(format string, args ...any) Finding {
	return Finding{Result: Well, Detail: fmt.Sprintf(format, args...)}
}

func wrong(advice, format string, args ...any) Finding {
	return Finding{Result: Failed, Advice: advice, Detail: fmt.Sprintf(format, args...)}
}

// refused returns the finding for a call that must work, and failed.
func refused(err error) Finding {
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
	return Finding{Result: Failed, Detail: words.OneLine(err), Advice: advice}
}

func (r *Report) add(f Finding) {
	r.Checks = append(r.Checks, f)
	r.results[f.Check] = f.Result
	if f.Result == Failed || f.Detail == interrupted {
		r.OK = false
	}
}

// interrupted is the detail of a check that was left out, through no fault of the store.
const interrupted = "interrupted"

// Err returns nil if nothing is wrong.
func (r *Report) Err() error {
	if r.OK {
		return nil
	}
	var names []string
	for _, f := range r.Checks {
		if f.Result == Failed {
			names = append(names, f.Check)
		}
	}
	if len(names) == 0 {
		return errors.New("doctor was interrupted: run it again, and let it end")
	}
	return fmt.Errorf("the store is not fit to elect a leader, or that could not be checked: failed: %s", strings.Join(names, ", "))
}

const column = 9 // of the names after the results

// Print shows a finding to people.
func (f Finding) Print(w io.Writer) {
	paint := show.Good
	switch f.Result {
	case Failed:
		paint = show.Bad
	case Warning:
		paint = show.Doubt
	case Skipped:
		paint = show.Faint
	}
	fmt.Fprintf(w, "%s%-*s%s\n", paint(fmt.Sprintf("%-*s", column, f.Result)), column, f.Check, show.Printable(f.Detail))
	if f.Advice != "" {
		fmt.Fprintf(w, "%*swhat to do: %s\n", 2*column, "", show.Printable(f.Advice))
	}
}

// Conclude prints the summary.
func (r *Report) Conclude(w io.Writer) {
	count := map[Result]int{}
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
		fmt.Fprintf(w, "suggested lease length: %v\n", show.Duration(r.Suggested))
	}
	text := show.Good("Nothing is wrong.")
	if !r.OK {
		text = show.Bad("Not fit, or not known to be.")
	}
	fmt.Fprintf(w, "%s ok: %d, warnings: %d, failed: %d, skipped: %d.\n", text, count[Well], count[Warning], count[Failed], count[Skipped])
}

// A latency summarizes how long requests took.
type latency struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_seconds"`
	P99   float64 `json:"p99_seconds"`
	Max   float64 `json:"max_seconds"`
}

// latencyOf returns nil if there were no requests.
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

// percentile returns the smallest value that at least p percent do not exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[(len(sorted)*p+99)/100-1]
}

func (l *latency) String() string {
	round := func(s float64) time.Duration { return show.Duration(s).Round(100 * time.Microsecond) }
	return fmt.Sprintf("p50 %v, p99 %v, max %v of %d", round(l.P50), round(l.P99), round(l.Max), l.Count)
}
