package fence_test

import (
	"context"
	"database/sql"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/fence"
	"github.com/cloudlease/leader/lease"
	_ "github.com/cloudlease/leader/lease/file" // or where else the lease is
)

// project is the leader's work. next waits for the first event after a position.
func project(ctx context.Context, db *sql.DB, next func(ctx context.Context, after int64) (at int64, event string, err error)) error {
	term, _ := leader.TermFrom(ctx)
	if err := fence.Claim(ctx, db, term); err != nil { // first
		return err
	}
	var position int64 // then read
	if err := db.QueryRowContext(ctx, `SELECT position FROM orders_position`).Scan(&position); err != nil {
		return err
	}
	for {
		at, event, err := next(ctx, position)
		if err == nil {
			err = apply(ctx, db, term, at, event)
		}
		switch {
		case err == nil:
			position = at
		case !fence.Repeatable(err): // if it is, the same event again
			return err
		}
	}
}

// apply has the effect of an event, and moves the position, in one transaction: both stand, or neither.
func apply(ctx context.Context, db *sql.DB, term lease.Term, at int64, event string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	if err := fence.Check(ctx, tx, term); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO orders (position, event) VALUES ($1, $2)`, at, event); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE orders_position SET position = $1`, at); err != nil {
		return err
	}
	return tx.Commit()
}

// makeTables makes the fence's table, the projection's, and its position.
func makeTables(ctx context.Context, db *sql.DB) error {
	for _, statement := range []string{
		fence.Schema(fence.PostgreSQL),
		`CREATE TABLE IF NOT EXISTS orders (position BIGINT NOT NULL, event TEXT NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS orders_position (position BIGINT NOT NULL)`,
		`INSERT INTO orders_position SELECT 0 WHERE NOT EXISTS (SELECT FROM orders_position)`,
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// A projection, which several nodes stand by for. Each event is applied exactly once, though a node may sleep at any point.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL")) // import _ "github.com/jackc/pgx/v5/stdlib"
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if err := makeTables(ctx, db); err != nil { // once, as you make your other tables
		log.Fatal(err)
	}
	manager, err := lease.Open(ctx, "file:///var/lib/orders")
	if err != nil {
		log.Fatal(err)
	}
	defer lease.Close(manager)
	err = leader.New(
		leader.WithLeaseManager(manager),
		leader.WithLeaseName("orders-projection"),
		leader.WhenStarted(func(ctx context.Context) error {
			return project(ctx, db, func(ctx context.Context, after int64) (at int64, event string, err error) {
				<-ctx.Done() // read your event store
				return 0, "", context.Cause(ctx)
			})
		}),
	).Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
}
