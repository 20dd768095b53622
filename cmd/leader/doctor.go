package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/doctor"
	"github.com/cloudlease/leader/lease"
)

func (a *app) doctorCommand() *cobra.Command {
	var length time.Duration
	var samples int
	var anew, asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Whether a store is fit to elect a leader on, and what to do if not",
		Long: `doctor tries a store out end to end, as two nodes would use it, and gives advice on everything that is wrong. It takes some
twenty seconds; with Google Cloud Storage, where an object may be written once a second, about a minute.

It uses a separate lease, ` + doctor.Scratch + `, and one below it, and releases them in the end; on Azure also a blob beside them. The
records stay, because leader deletes no records, and the next doctor uses them again; you may remove them by hand. doctor does
not touch other leases. Its lease has the default length, whatever --lease-length says: the next doctor waits until the lease of
one that was killed has run out.

Checks, in their order (a check is skipped if one that it needs has failed):
  open        the URL of the store is valid; a warning if it is a directory on a network file system
  length      leaders can have leases of --lease-length on this store
  read        the store can be reached, accepts the credentials, and allows reads
  create      a lease can be taken and released
  list        leases can be listed; a warning if not, as only "leader list" needs it
  below       a lease below another, as a fleet's seats are, can be kept and listed; a warning if not, as only fleets need it
  first       eight at once try to take a lease that was never taken, and exactly one gets it; skipped if an earlier doctor
              has done this here, unless you give --anew
  race        eight at once try to take a free lease, five times, and exactly one gets it each time
  replace     a record cannot be created where there is one, and not be replaced from an old version; skipped if the store
              keeps nothing but leases
  held        a node is refused a lease that another holds, and sees the holder
  renew       a lease can be renewed, also from an older answer, as after an answer that was lost
  stale       the renewal and the release of a lease that another node has taken since are refused, and change nothing
  fresh       each read shows the latest write, also of another node
  clock       the store's answers agree on the time: the age that they tell of a record is never more than the time since it
              was written, and always the same. Also: whether age is on for this URL, by which clock, and whether to switch
              it (?age=true, ?age=false). The difference between the store's clock and this machine's is not known, and
              nothing depends on it
  tokens      each acquisition had a greater fencing token than all before it
  latency     renewals are fast enough for the lease length; how long each took, and which length suits
  clean       the lease is released

A store fails first, race, replace and stale if it ignores the conditions of writes, or if something before it does: on such a store,
several nodes lead at once.

Exit codes:
  0  nothing is wrong; there may be warnings
  1  something is wrong
  2  a flag is wrong

With --json it prints one object at the end, in one line:
  store, scratch  the store's URL, and the name of the lease that doctor used
  ok              whether nothing is wrong
  checks          an array of objects: check, result (ok, warning, failed or skipped), detail, advice (absent if there is
                  none), seconds (how long the check took)
  reads, renewals
                  count, and p50_seconds, p99_seconds and max_seconds of how long they took; absent if there were none
  lease_length_seconds, suggested_lease_length_seconds
                  --lease-length, and a length that suits this store; the latter is absent if it is not known
  tells_age, age_from
                  whether the store tells how old a record is, and by which clock; absent if it is not known
  limits          min_length_seconds, max_length_seconds, length_step_seconds, write_every_seconds; a limit that does not
                  exist is absent

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_LEASE_LENGTH, LEADER_SAMPLES, LEADER_ANEW,
LEADER_JSON; NO_COLOR.`,
		Example: `  leader doctor --store 'dynamodb://leases?region=eu-west-1'
  leader doctor --store azblob://account/leases --lease-length 30s
  leader doctor --json | jq '.checks[] | select(.result == "failed")'`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if length <= 0 || samples <= 0 {
				return usage(fmt.Errorf("--lease-length %v and --samples %d must be positive", length, samples))
			}
			if err := tooShort("lease-length", length, leader.MinLeaseLength); err != nil {
				return usage(err)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			options := []doctor.Option{doctor.WithLeaseLength(length), doctor.WithSamples(samples)}
			if anew {
				options = append(options, doctor.WithNewLease())
			}
			return a.doctor(ctx, asJSON, options)
		},
	}
	cmd.Flags().DurationVar(&length, "lease-length", leader.DefaultLeaseLength, "`length` that the leases are to have")
	cmd.Flags().IntVar(&samples, "samples", 30, "`number` of reads and renewals to time")
	cmd.Flags().BoolVar(&anew, "anew", false, "use a lease of another name, whose record stays as well, and so try all")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (a *app) doctor(ctx context.Context, asJSON bool, options []doctor.Option) error {
	if a.store == "" {
		return a.onStore(ctx, func(*store.Store) error { return nil }) // the error that every command gives
	}
	if a.store == store.Default() { // this user's own directory, which the first lease makes; if that fails, a check says so
		_ = a.onStore(ctx, func(s *store.Store) error {
			_, err := s.MakePlace(ctx, "", lease.MakeTimeout)
			return err
		})
	}
	options = append(options, doctor.WithTimeout(a.limit()), doctor.WithProgress(a.progress))
	if !asJSON {
		options = append(options, doctor.WithFindings(func(f doctor.Finding) { printFinding(a.out, inWords(f)) }))
	}
	report := doctor.CheckURL(ctx, a.store, options...)
	if asJSON {
		for i, f := range report.Checks {
			report.Checks[i] = inWords(f)
		}
		if err := show.JSON(a.out, report); err != nil {
			return err
		}
	} else {
		printSummary(a.out, report)
	}
	return report.Err()
}
