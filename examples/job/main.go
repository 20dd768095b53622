// Command job is a job that a schedule triggers on many machines, and that one of them does. No single machine has to be
// up: any of them can do the job.
//
//	for machine in 1 2 3; do go run ./examples/job -store file:/tmp/report/lease -journal /tmp/report/journal -node $machine & done; wait
//	cat /tmp/report/journal
//
// A program in Go uses RunOnce, as here. For any other program, the leader command does the same:
//
//	leader run --store dynamodb://leases?region=eu-west-1 --name report --once --lease-length 1m --hold-at-least 1m -- ./report
//
// # What is where
//
//   - main.go: the job. Its exit code tells the scheduler whether the job is done.
//   - crontab: a line of cron, for each machine, with the leader command.
//   - report.service, report.timer: the same for systemd.
//
// # Once
//
// Machines' clocks differ, so triggers come at slightly different times. A job that takes two seconds may be over on one
// machine before another machine's trigger comes, and that machine would do it again. So the lease is held for at least a minute
// (WithHoldAtLeast, --hold-at-least). This must be longer than the clocks differ, and shorter than the time between two
// triggers. It is at most the lease's length.
//
// If the machine dies in the middle of the job, nobody does the job before the next trigger. A machine that loses the lease
// stops, and reports an error: it cannot know whether another one begins. So the job may be done in part, or, with bad luck,
// twice. If that matters, let its effects carry the term's token, as in examples/script.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"

	_ "github.com/cloudlease/leader/lease/azblob/byurl" // those that you use
	_ "github.com/cloudlease/leader/lease/dynamodb"
	_ "github.com/cloudlease/leader/lease/file"
	_ "github.com/cloudlease/leader/lease/gcs"
	_ "github.com/cloudlease/leader/lease/s3"
)

func main() {
	store := flag.String("store", "", "URL of the lease store")
	host, _ := os.Hostname()
	node := flag.String("node", host, "`name` of this machine")
	journal := flag.String("journal", "journal", "file that the job writes to")
	length := flag.Duration("lease-length", time.Minute, "how long the lease is held from each renewal, and after a short job")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	manager, err := lease.Open(ctx, *store)
	if err == nil {
		err = leader.New(
			leader.WithLeaseManager(manager),
			leader.WithLeaseName("report"),
			leader.WithNodeID(*node),
			leader.WithLeaseLength(*length),
			leader.WithHoldAtLeast(*length),
			leader.WhenStarted(func(ctx context.Context) error { return report(ctx, *journal, *node) }),
		).RunOnce(ctx)
		_ = lease.Close(manager)
	}
	if held, ok := errors.AsType[*lease.HeldError](err); ok {
		fmt.Println("nothing to do:", held) // no failure
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "job:", err)
		os.Exit(1)
	}
}

// report is the job.
func report(ctx context.Context, path, node string) error {
	term, _ := leader.TermFrom(ctx)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := term.Check(); err != nil { // right before the effect
		return errors.Join(err, f.Close())
	}
	_, err = fmt.Fprintf(f, "reported by %s with token %d\n", node, term.Token())
	return errors.Join(err, f.Close())
}
