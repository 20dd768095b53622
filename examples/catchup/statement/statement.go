// Package statement is a projection in a SQL database: it writes the statement of each customer's account, a line for each event.
// Its read model and its position are moved in one transaction, which is fenced, so each event is applied exactly once.
package statement

import (
	"context"
	"database/sql"
	"log/slog"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/examples/catchup/events"
	"github.com/cloudlease/leader/fence"
	"github.com/cloudlease/leader/lease"
)

// A Projection follows a log. The tables are in DB: Schema has them, and fence.Schema.
type Projection struct {
	DB  *sql.DB
	Log func() events.Log // makes a reader, which is the term's
}

// Run is a leader's work.
func (p Projection) Run(ctx context.Context) error {
	term, _ := leader.TermFrom(ctx)
	if err := fence.Claim(ctx, p.DB, term); err != nil { // first
		return err
	}
	position, err := p.position(ctx) // then read
	if err != nil {
		return err
	}
	slog.Info("the projection goes on", "lease", term.Name(), "token", term.Token(), "position", position)
	for log := p.Log(); ; {
		batch, err := events.Next(ctx, log, position)
		if err != nil {
			return err
		}
		err = p.apply(ctx, term, batch)
		if fence.Repeatable(err) {
			continue // the same events again
		}
		if err != nil {
			return err
		}
		position = batch[len(batch)-1].Position
	}
}

// position returns that of the last event that was applied.
func (p Projection) position(ctx context.Context) (position int64, err error) {
	err = p.DB.QueryRowContext(ctx, `SELECT position FROM statement_position`).Scan(&position)
	return position, err
}

// apply writes the lines of some events, and moves the position, in one transaction: all of it stands, or nothing.
func (p Projection) apply(ctx context.Context, term lease.Term, batch []events.Event) error {
	tx, err := p.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	if err := fence.Check(ctx, tx, term); err != nil {
		return err
	}
	for _, e := range batch {
		if err := write(ctx, tx, term, e); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE statement_position SET position = $1`, batch[len(batch)-1].Position); err != nil {
		return err
	}
	return tx.Commit()
}

// write writes an event's line, with the balance after it.
func write(ctx context.Context, tx *sql.Tx, term lease.Term, e events.Event) error {
	var balance int64
	err := tx.QueryRowContext(ctx, `SELECT COALESCE((SELECT balance FROM statement WHERE customer = $1 ORDER BY line DESC LIMIT 1), 0)`,
		e.Customer).Scan(&balance)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO statement (customer, position, cents, balance, token) VALUES ($1, $2, $3, $4, $5)`,
		e.Customer, e.Position, e.Cents, balance+e.Cents, int64(term.Token()))
	return err
}
