// Package doctor tries a store out end to end, as two nodes would use it, and gives advice on each thing that is wrong. It takes a lease
// that nobody else uses, [Scratch], and one more below it, and releases them in the end; it touches no other. On Azure it also writes to a
// cell of that name. Their records stay, as records are never removed.
//
// A program may check the store that somebody else has set up for it, at its start or in a test of its deployment:
//
//	report := doctor.Check(ctx, manager)
//	if err := report.Err(); err != nil {
//		log.Fatal(err) // report.Checks has each finding, with advice
//	}
//
// The command leader doctor prints the same.
package doctor

import (
	"context"
	"crypto/rand"
	"math"
	"strings"
	"time"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

// Scratch is the name of the lease that is tried; with WithNewLease, the beginning of it.
const Scratch = "leader-doctor"

// Check tries out the store of a lease manager. It makes all checks, one after the other, which takes some twenty seconds, and with Google
// Cloud Storage about a minute. Checks that come after the end of ctx are skipped, and the report is not OK then; the lease is given back
// all the same. Two at once on one store disturb each other, unless both have WithNewLease.
//
// All requests go through the one manager. CheckURL opens one for each of the two nodes. So it can tell more about caches, and about a
// store with several clocks.
func Check(ctx context.Context, manager lease.Manager, options ...Option) Report {
	return newDoctor(source{manager: manager}, settingsOf(options), fullWaits).examine(ctx)
}

// CheckURL is Check for the store that lease.Open opens by this URL; the program must import the store's package. It says in addition
// whether the URL is valid, and whether it should trust the clock of the store (age=true and age=false). The URL mem: is refused: each
// opening of it is another store.
func CheckURL(ctx context.Context, url string, options ...Option) Report {
	return newDoctor(source{url: url}, settingsOf(options), fullWaits).examine(ctx)
}

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
	source
	settings
	waits
	networkFS func(dir string) (name string, err error)

	name   string           // of the lease that is tried
	tried  time.Duration    // its length, whatever leaders are to have: a doctor that is killed keeps the next one out for so long
	nodes  [3]lease.Manager // those of two nodes, and one by which the clocks are measured
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

func newDoctor(from source, s settings, w waits) *doctor {
	d := &doctor{source: from, settings: s, waits: w, networkFS: file.NetworkFS, name: Scratch, holdings: map[string]*holding{}}
	if d.anew {
		d.name += "-" + strings.ToLower(rand.Text())
	}
	d.report = Report{Scratch: d.name, OK: true, LeaseLength: d.length.Seconds(), results: map[string]Result{}}
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
	{"below", "create", (*doctor).checkBelow},
	{"first", "create", (*doctor).checkFirst},
	{"race", "create", (*doctor).checkRace},
	{"replace", "create", (*doctor).checkReplace},
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
	for _, m := range d.nodes {
		d.close(m)
	}
	return d.report
}

// do runs a check, unless the one that it needs has failed, and reports its finding.
func (d *doctor) do(ctx context.Context, s step) {
	d.progress("%s ...", s.name)
	began := time.Now()
	var f Finding
	switch needs := d.report.results[s.needs]; {
	case ctx.Err() != nil:
		f = Finding{Result: Skipped, Detail: interrupted}
	case s.needs != "" && (needs == Failed || needs == Skipped):
		f = Finding{Result: Skipped, Detail: "needs " + s.needs}
	default:
		f = s.check(d, ctx)
		if f.Result == Failed && ctx.Err() != nil { // which may be why
			f.Advice = again
		}
	}
	f.Check, f.Seconds = s.name, time.Since(began).Seconds()
	d.report.add(f)
	d.progress("")
	d.tell(f)
}
