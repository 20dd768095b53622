package leader_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// docs/options.md shows a piece of this file.

// A lease around a piece of code, where a function is no good shape for the work.
func ExampleLeader_Acquire() {
	err := migrate(context.Background(), memory.New(), func(ctx context.Context) error {
		term, _ := leader.TermFrom(ctx)
		fmt.Println("changes the schema, with token", term.Token())
		return nil
	})
	fmt.Println(err)
	// Output:
	// changes the schema, with token 1
	// <nil>
}

// migrate changes the schema, on one machine at a time. It waits for at most a minute.
func migrate(ctx context.Context, manager lease.Manager, change func(ctx context.Context) error) (err error) {
	l := leader.New(leader.WithLeaseManager(manager), leader.WithLeaseName("schema"), leader.WithPatience(time.Minute))
	held, err := l.Acquire(ctx) // ctx is also the parent of held.Context(): end it to stop the change
	if err != nil {
		return err // lease.ErrHeld: another machine has it
	}
	defer func() { err = errors.Join(err, held.Release(context.WithoutCancel(ctx))) }()
	return change(held.Context())
}
