// Package doctor tries a store out end to end, as two nodes would use it, and says of each thing that is wrong what to do about it. It
// takes a lease that nobody else uses, and releases it in the end; it touches no other.
package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"math"
	"strings"
	"time"

	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

// Scratch is the name of the lease that is tried; with Anew, the beginning of it.
const Scratch = "leader-doctor"

// Options say what is examined, and how.
type Options struct {
	StoreURL string
	Timeout  time.Duration // for one answer of the store; 10 s if that is less, or 0
	Length   time.Duration // that the leases are to have
	Samples  int           // how many reads and renewals are timed
	Anew     bool          // a lease that was never taken is tried, whose record stays

	Tell     func(Finding)                    // is told each finding as soon as it is made; nil: nobody is
	Progress func(format string, args ...any) // is told what is being done, and the empty format when it is done; nil: nobody is
}

// Examine makes all checks. Those that come after the end of ctx are skipped, but that the lease is given back.
func Examine(ctx context.Context, o Options) Report { return newDoctor(o, fullWaits).examine(ctx) }

// timed is the index of the manager that measures the clocks; those before it belong to the two nodes.
const timed = 2

// waits are how long it is waited for a store. Tests wait for less.
type waits struct {
	settle time.Duration // until every right clock tells an age
	write  time.Duration // between two writes, at most, however long the store wants
}

var fullWaits = waits{settle: ageSettles, write: math.MaxInt64}

// doctor is one examination.
type doctor struct {
	Options
	waits
	networkFS func(dir string) (name string, err error)

	name   string          // of the lease that is tried
	tried  time.Duration   // its length: long enough not to run out while it is tried
	stores [3]*store.Store // those of two nodes, and one by which the clocks are measured
	limits lease.Limits
	report Report

	sent     time.Time // when the latest write was, and when it had been answered
	written  time.Time
	holdings map[string]*holding // what may have to be given back, by ID
	used     bool                // by an earlier doctor: there is a record
	firsts   int                 // how many got the lease that was never taken
	tokens   []uint64            // of all acquisitions that were alone, in their order
	reads    []time.Duration
	renewals []time.Duration
}

func newDoctor(o Options, w waits) *doctor {
	if o.Tell == nil {
		o.Tell = func(Finding) {}
	}
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
	o.Timeout = min(cmp.Or(o.Timeout, callPatience), callPatience)
	d := &doctor{Options: o, waits: w, networkFS: file.NetworkFS, name: Scratch, holdings: map[string]*holding{}}
	if d.Anew {
		d.name += "-" + strings.ToLower(rand.Text())
	}
	d.report = Report{Scratch: d.name, OK: true, LeaseLength: d.Length.Seconds(), results: map[string]Result{}}
	return d
}

// A step is a check, and the check that must succeed before it.
type step struct {
	name, needs string
	check       func(*doctor, context.Context) Finding
}

var steps = []step{
	{"open", "", (*doctor).checkOpen},
	{"length", "open", (*doctor).checkLength},
	{"read", "open", (*doctor).checkRead},
	{"create", "read", (*doctor).checkCreate},
	{"list", "open", (*doctor).checkList},
	{"first", "create", (*doctor).checkFirst},
	{"race", "create", (*doctor).checkRace},
	{"held", "create", (*doctor).checkHeld},
	{"renew", "create", (*doctor).checkRenew},
	{"stale", "renew", (*doctor).checkStale},
	{"fresh", "renew", (*doctor).checkFresh},
	{"clock", "create", (*doctor).checkClock},
	{"tokens", "create", (*doctor).checkTokens},
	{"latency", "renew", (*doctor).checkLatency},
}

func (d *doctor) examine(ctx context.Context) Report {
	for _, s := range steps {
		d.do(ctx, s)
	}
	d.do(context.WithoutCancel(ctx), step{"clean", "open", (*doctor).clean}) // also after an interrupt
	for _, s := range d.stores {
		if s != nil {
			s.Close()
		}
	}
	return d.report
}

// do runs a check, unless the one that it needs has failed, and reports its finding.
func (d *doctor) do(ctx context.Context, s step) {
	d.Progress("%s ...", s.name)
	began := time.Now()
	var f Finding
	switch needs := d.report.results[s.needs]; {
	case ctx.Err() != nil:
		f = Finding{Result: Skipped, Detail: interrupted}
	case s.needs != "" && (needs == Failed || needs == Skipped):
		f = Finding{Result: Skipped, Detail: "needs " + s.needs}
	default:
		f = s.check(d, ctx)
	}
	f.Check, f.Seconds = s.name, time.Since(began).Seconds()
	d.report.add(f)
	d.Progress("")
	d.Tell(f)
}
