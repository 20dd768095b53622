package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A Result is the result of a check.
type Result string

const (
	Well    Result = "ok"
	Warning Result = "warning" // leaders may be elected; something is not as it could be
	Failed  Result = "failed"  // do not elect leaders here before it is corrected
	Skipped Result = "skipped" // it needs a check that has failed or a store that the manager has not, an earlier Check has done it here, or ctx had ended
)

// A Finding is the result of a check, with advice.
type Finding struct {
	Check   string  `json:"check"` // its name; leader doctor --help says what each does
	Result  Result  `json:"result"`
	Detail  string  `json:"detail,omitempty"`
	Advice  string  `json:"advice,omitempty"` // what to do; with each Warning and Failed
	Seconds float64 `json:"seconds"`          // how long the check took
}

// A Report has all findings. OK is true if no check failed, and none was left out because ctx had ended; there may be warnings. LeaseLength
// is the length that the checks were made for, and Suggested one that suits the store, 0 if it is not known. TellsAge says whether the store
// tells how old a record is, and AgeFrom by which clock; nil and empty if it is not known. Reads and Renewals are nil if there were none.
// Times and lengths are in seconds. Its JSON is for programs: fields may be added, and keep their meaning.
type Report struct {
	Store       string    `json:"store,omitempty"`
	Scratch     string    `json:"scratch"`
	OK          bool      `json:"ok"`
	Checks      []Finding `json:"checks"`
	Reads       *Latency  `json:"reads,omitempty"`
	Renewals    *Latency  `json:"renewals,omitempty"`
	LeaseLength float64   `json:"lease_length_seconds"`
	Suggested   float64   `json:"suggested_lease_length_seconds,omitzero"`
	TellsAge    *bool     `json:"tells_age,omitempty"`
	AgeFrom     string    `json:"age_from,omitempty"`
	Limits      Limits    `json:"limits"`

	results map[string]Result
}

// Limits are those of the store's leases, in seconds; 0: none. See lease.Limits.
type Limits struct {
	MinLength  float64 `json:"min_length_seconds,omitzero"`
	MaxLength  float64 `json:"max_length_seconds,omitzero"`
	LengthStep float64 `json:"length_step_seconds,omitzero"`
	WriteEvery float64 `json:"write_every_seconds,omitzero"`
}

// fine, wrong and warned return findings.
func fine(format string, args ...any) Finding {
	return Finding{Result: Well, Detail: fmt.Sprintf(format, args...)}
}

func wrong(advice, format string, args ...any) Finding {
	return Finding{Result: Failed, Advice: advice, Detail: fmt.Sprintf(format, args...)}
}

func warned(advice, format string, args ...any) Finding {
	return Finding{Result: Warning, Advice: advice, Detail: fmt.Sprintf(format, args...)}
}

// refused returns the finding for a call that must work, and failed.
func refused(err error) Finding {
	advice := "do what that says, then check again"
	switch {
	case errors.Is(err, lease.ErrMisconfigured), errors.Is(err, lease.ErrInvalid):
	case errors.Is(err, context.Canceled):
		advice = again
	case errors.Is(err, lease.ErrHeld), errors.Is(err, lease.ErrLost), errors.Is(err, lease.ErrConflict):
		advice = "see that no other doctor is at work here, then check again; if none is, " + unfit
	default:
		advice = "check the store's URL, its service, the network, and proxies and firewalls on the way; then check again"
	}
	return Finding{Result: Failed, Detail: oneLine(err), Advice: advice}
}

// again is the advice on a check that was cut short.
const again = "check again, and let it end"

// oneLine returns an error without line breaks.
func oneLine(err error) string { return strings.Join(strings.Split(err.Error(), "\n"), "; ") }

func (r *Report) add(f Finding) {
	r.Checks = append(r.Checks, f)
	r.results[f.Check] = f.Result
	if f.Result == Failed || f.Detail == interrupted {
		r.OK = false
	}
}

// interrupted is the detail of a check that was left out, through no fault of the store.
const interrupted = "interrupted"

// Err returns nil if the report is OK, else an error that names the checks that failed. Warnings are no errors.
func (r Report) Err() error {
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
		return errors.New("doctor was interrupted: check again, and let it end")
	}
	return fmt.Errorf("the store is not fit to elect a leader, or that could not be checked: failed: %s", strings.Join(names, ", "))
}

// A Latency summarizes how long requests took, in seconds.
type Latency struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_seconds"`
	P99   float64 `json:"p99_seconds"`
	Max   float64 `json:"max_seconds"`
}

// latencyOf returns nil if there were no requests.
func latencyOf(took []time.Duration) *Latency {
	if len(took) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(took))
	return &Latency{
		Count: len(sorted), P50: percentile(sorted, 50).Seconds(), P99: percentile(sorted, 99).Seconds(),
		Max: sorted[len(sorted)-1].Seconds(),
	}
}

// percentile returns the smallest value that at least p percent do not exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[(len(sorted)*p+99)/100-1]
}
