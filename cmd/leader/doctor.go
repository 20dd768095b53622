package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/doctor"
	"github.com/cloudlease/leader/cmd/leader/internal/show"
)

func (a *app) doctorCommand() *cobra.Command {
	var o doctor.Options
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Whether a store is fit to elect a leader on, and what to do if not",
		Long: `doctor tries a store out end to end, as two nodes would use it, and says of each thing that is wrong
what to do about it. It takes some twenty seconds; with Google Cloud Storage, where an object may
be written once a second, about a minute.

It works on a lease of its own, ` + doctor.Scratch + `, and releases it in the end. The record of it stays, as nothing
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
			if o.Length <= 0 || o.Samples <= 0 {
				return usage(fmt.Errorf("--lease-length %v and --samples %d must be positive", o.Length, o.Samples))
			}
			if err := tooShort("lease-length", o.Length, shortestLease); err != nil {
				return usage(err)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return a.doctor(ctx, o, asJSON)
		},
	}
	cmd.Flags().DurationVar(&o.Length, "lease-length", doctor.DefaultLength, "`length` that the leases are to have")
	cmd.Flags().IntVar(&o.Samples, "samples", 30, "`number` of reads and renewals to time")
	cmd.Flags().BoolVar(&o.Anew, "anew", false, "use a lease of another name, whose record stays as well, and so try all")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (a *app) doctor(ctx context.Context, o doctor.Options, asJSON bool) error {
	o.StoreURL, o.Timeout, o.Progress = a.store, a.limit(), a.progress
	if !asJSON {
		o.Tell = func(f doctor.Finding) { f.Print(a.out) }
	}
	report := doctor.Examine(ctx, o)
	if asJSON {
		if err := show.JSON(a.out, report); err != nil {
			return err
		}
	} else {
		report.Conclude(a.out)
	}
	return report.Err()
}
