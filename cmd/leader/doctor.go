package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

// timed is the manager by which the clocks are measured; those before it are two nodes'.
const timed = 2

const (
	scratch       = "leader-doctor"
	defaultLength = 15 * time.Second // package leader's
)

func (a *app) doctorCommand() *cobra.Command {
	d := doctor{app: a, networkFS: file.NetworkFS}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Whether a store is fit to elect a leader on, and what to do if not",
		Long: `doctor tries a store out end to end, as two nodes would use it, and says of each thing that is wrong
what to do about it. It takes some twenty seconds; with Google Cloud Storage, where an object may
be written once a second, about a minute.

It works on a lease of its own, ` + scratch + `, and releases it in the end. The record of it stays, as nothing
in leader deletes records, and is used again by the next doctor; it may be removed by hand. Leases of
others are not touched.

Checks, in their order (a check that needs one that failed is skipped):
  open        the URL of the store makes sense; a warning if it is a directory on a network file system
  length      --lease-length is one that this store can have
  read        the store can be reached, the credentials are accepted, and a lease may be read
  create      leases may be taken and released
  list        leases may be listed; a warning if not, as only "leader list" needs it
  first       eight at once try to take a lease that was never taken, and exactly one may get it; skipped
              if an earlier doctor has done it here, unless with --anew
  race        eight at once try to take a free lease, five times, and exactly one may get it each time
  held        a lease that one has is refused to another, who sees who has it
  renew       a lease can be renewed, also from an older answer, as after one that was lost
  stale       a renewal and a release of a lease that somebody else has taken since are refused, and
              change nothing
  fresh       each read shows the latest write, whoever wrote it
  clock       the store's answers agree on the time: the age that they tell of a record is not more
              than what has passed here since it was written, and the same in each; whether age is on
              for this URL, by which clock, and whether to switch it (?age=true, ?age=false). How far
              the store's clock is from this machine's is not known, and nothing depends on it
  tokens      each acquisition had a greater fencing token than all before it
  latency     renewals are fast enough for the lease length: how long each took, and which length suits
  clean       the lease of doctor's own is given back

first, race and stale are what a store fails that passes over the conditions of writes, or that has
something before it that does: on such a store, several lead at once.

Exit codes:
  0  nothing is wrong; there may be warnings
  1  something is wrong
  2  a flag makes no sense

With --json it prints an object in one line, at the end:
  store, scratch  the store's URL, and the name of the lease that doctor used
  ok              whether nothing is wrong
  checks          an array of objects: check, result (ok, warning, failed or skipped), detail, advice
                  (what to do; absent if there is nothing), seconds (how long it took)
  reads, renewals
                  count, and the p50_seconds, p99_seconds and max_seconds of what they took; absent
                  if there were none
  lease_length_seconds, suggested_lease_length_seconds
                  what --lease-length said, and a length that suits this store; the latter is
                  absent if it is not known
  tells_age, age_from
                  whether the store tells how old a record is, and by which clock; absent if it is
                  not known
  limits          min_length_seconds, max_length_seconds, length_step_seconds, write_every_seconds;
                  a limit that there is not is absent

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_LEASE_LENGTH, LEADER_SAMPLES, LEADER_ANEW,
LEADER_JSON; NO_COLOR.`,
		Example: `  leader doctor --store 'dynamodb://leases?region=eu-west-1'
  leader doctor --store azblob://account/leases --lease-length 30s
  leader doctor --json | jq '.checks[] | select(.result == "failed")'`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if d.length <= 0 || d.samples <= 0 {
				return usage(fmt.Errorf("--lease-length %v and --samples %d must be positive", d.length, d.samples))
			}
			if err := tooShort("lease-length", d.length, shortestLease); err != nil {
				return usage(err)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return d.run(ctx, asJSON)
		},
	}
	cmd.Flags().DurationVar(&d.length, "lease-length", defaultLength, "`length` that the leases are to have")
	cmd.Flags().IntVar(&d.samples, "samples", 30, "`number` of reads and renewals to time")
	cmd.Flags().BoolVar(&d.anew, "anew", false, "use a lease of another name, whose record stays as well, and so try all")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// doctor is one run of the command.
type doctor struct {
	*app
	length    time.Duration // that is asked for
	samples   int
	anew      bool
	networkFS func(dir string) (name string, err error)

	name     string           // of the lease that is tried
	tried    time.Duration    // its length: long enough not to run out while it is tried
	managers [3]lease.Manager // those of two nodes, and one by which the clocks are measured
	limits   lease.Limits
	report   examination

	sent     time.Time // when the latest write was, and when it had been answered
	written  time.Time
	holdings map[string]*holding // what may have to be given back, by ID
	used     bool                // by an earlier doctor: there is a record
	firsts   int                 // how many got the lease that was never taken
	tokens   []uint64            // of all acquisitions that were alone, in their order
	reads    []time.Duration
	renewals []time.Duration
}

// A step is a check, and another that has to be well for it.
type step struct {
	name, needs string
	check       func(*doctor, context.Context) finding
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

func (d *doctor) run(ctx context.Context, asJSON bool) error {
	d.name, d.holdings = scratch, map[string]*holding{}
	if d.anew {
		d.name += "-" + strings.ToLower(rand.Text())
	}
	d.report = examination{Scratch: d.name, OK: true, LeaseLength: d.length.Seconds(), results: map[string]result{}}
	for _, s := range steps {
		d.do(ctx, s, asJSON)
	}
	d.do(context.WithoutCancel(ctx), step{"clean", "open", (*doctor).clean}, asJSON) // also after an interrupt
	for _, m := range d.managers {
		if m != nil {
			_ = lease.Close(m)
		}
	}
	if asJSON {
		if err := printJSON(d.out, d.report); err != nil {
			return err
		}
	} else {
		d.report.conclude(d.out)
	}
	return d.report.err()
}

// do makes a check, if what it needs is well, and tells.
func (d *doctor) do(ctx context.Context, s step, quietly bool) {
	d.progress("%s ...", s.name)
	began := time.Now()
	var f finding
	switch needs := d.report.results[s.needs]; {
	case ctx.Err() != nil:
		f = finding{Result: skipped, Detail: interrupted}
	case s.needs != "" && (needs == failed || needs == skipped):
		f = finding{Result: skipped, Detail: "needs " + s.needs}
	default:
		f = s.check(d, ctx)
	}
	f.Check, f.Seconds = s.name, time.Since(began).Seconds()
	d.report.add(f)
	d.progress("")
	if !quietly {
		f.print(d.out)
	}
}
