// The program is a Lambda function that a schedule starts, perhaps twice at a time: EventBridge delivers an event at least once. Under
// a lease, the job is done by one of the calls.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	_ "github.com/cloudlease/leader/lease/dynamodb"
)

// shutdown is the time that a call leaves to the release of the lease, before Lambda freezes the processor.
const shutdown = 5 * time.Second

func main() { lambda.Start(handle) }

// handle does the job, unless another call does it. Everything, the release included, is over when it returns: what is left over
// would stand still until the next call.
func handle(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok { // of Lambda, which kills the function then
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-shutdown))
		defer cancel()
	}
	manager, err := lease.Open(ctx, os.Getenv("LEADER_STORE"))
	if err != nil {
		return err
	}
	defer lease.Close(manager)
	err = leader.New(
		leader.WithLeaseManager(manager),
		leader.WithLeaseName("report"),
		leader.WithHoldAtLeast(10*time.Second), // an event that comes twice comes within seconds
		leader.WhenStarted(report),
	).RunOnce(ctx)
	if errors.Is(err, lease.ErrHeld) {
		slog.Info("another call does the job", "reason", err)
		return nil
	}
	return err
}

// report is the job.
func report(ctx context.Context) error {
	term, _ := leader.TermFrom(ctx)
	if err := term.Check(); err != nil { // right before each effect
		return err
	}
	slog.Info("reporting", "token", term.Token())
	return nil
}
