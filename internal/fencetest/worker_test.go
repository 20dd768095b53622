package fencetest

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fence"
	"github.com/cloudlease/leader/lease"
)

// A database has the fence's table, and a projection of events: which was applied, by which term, and the position.
type database struct {
	*sql.DB
	place
}

func open(t testing.TB, p place) database {
	t.Helper()
	db := database{p.open(t), p}
	for _, statement := range []string{
		fence.Schema(p.dialect),
		"CREATE TABLE applied (stream VARCHAR(100) NOT NULL, event BIGINT NOT NULL, token BIGINT NOT NULL)",
		"CREATE TABLE positions (stream VARCHAR(100) PRIMARY KEY, position BIGINT NOT NULL)",
	} {
		exec(t, db.DB, statement)
	}
	return db
}

// bound returns the statement with the dialect's placeholders.
func (p place) bound(statement string) string {
	if p.dialect != fence.PostgreSQL {
		return statement
	}
	for _, n := range []string{"$1", "$2", "$3"} {
		statement = strings.Replace(statement, "?", n, 1)
	}
	return statement
}

const length = 24 * time.Hour // of a test's leases

// term returns a term of the stream's lease that holds until lose is called.
func term(t testing.TB, stream string, token uint64) (of lease.Term, lose func()) {
	t.Helper()
	_, keeper := lease.StartTerm(context.WithoutCancel(t.Context()), lease.Lease{Name: stream, Holder: "test", Token: token, Length: length},
		lease.Now(t.Context()))
	t.Cleanup(func() { keeper.End(nil) })
	return keeper.Term(), func() { keeper.End(nil) }
}

// A worker is one term's: it reads the position when it begins, and applies one event after the other.
type worker struct {
	db       database
	stream   string
	term     lease.Term
	position int64
	tx       *sql.Tx
}

// read reads the position in a separate transaction.
func (w *worker) read(ctx context.Context) error {
	return w.repeated(ctx, func() error { return w.look(ctx) })
}

// apply applies the next event in a separate transaction.
func (w *worker) apply(ctx context.Context) error {
	return w.repeated(ctx, func() error {
		if err := w.check(ctx); err != nil {
			return err
		}
		return w.write(ctx)
	})
}

// repeated does what it is given in a transaction, again and again while that is only refused because of a concurrent one.
func (w *worker) repeated(ctx context.Context, do func() error) error {
	for {
		err := w.begin(ctx)
		if err == nil {
			err = do()
		}
		if err == nil {
			err = w.commit(ctx)
		}
		w.rollback()
		if !fence.Repeatable(err) {
			return err
		}
	}
}

// The steps of a transaction.

func (w *worker) begin(ctx context.Context) (err error) {
	w.tx, err = w.db.BeginTx(ctx, w.db.options)
	return err
}

func (w *worker) look(ctx context.Context) error {
	return w.tx.QueryRowContext(ctx, w.db.bound("SELECT position FROM positions WHERE stream = ?"), w.stream).Scan(&w.position)
}

// glance takes the transaction's snapshot: what the worker goes on from is the position that it has.
func (w *worker) glance(ctx context.Context) error {
	var position int64
	return w.tx.QueryRowContext(ctx, w.db.bound("SELECT position FROM positions WHERE stream = ?"), w.stream).Scan(&position)
}

func (w *worker) check(ctx context.Context) error { return fence.Check(ctx, w.tx, w.term) }

func (w *worker) write(ctx context.Context) error {
	_, err := w.tx.ExecContext(ctx, w.db.bound("INSERT INTO applied (stream, event, token) VALUES (?, ?, ?)"),
		w.stream, w.position+1, int64(w.term.Token()))
	if err == nil {
		_, err = w.tx.ExecContext(ctx, w.db.bound("UPDATE positions SET position = ? WHERE stream = ?"), w.position+1, w.stream)
	}
	return err
}

func (w *worker) commit(context.Context) error {
	err := w.tx.Commit()
	w.tx = nil
	return err
}

func (w *worker) rollback() {
	if w.tx != nil {
		_ = w.tx.Rollback()
		w.tx = nil
	}
}

// applied returns how often each event was applied, and the position.
func (db database) applied(t testing.TB, stream string) (times map[int64]int, position int64) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), db.bound("SELECT event FROM applied WHERE stream = ?"), stream)
	require.NoError(t, err)
	defer rows.Close()
	times = map[int64]int{}
	for rows.Next() {
		var event int64
		require.NoError(t, rows.Scan(&event))
		times[event]++
	}
	require.NoError(t, rows.Err())
	require.NoError(t, db.QueryRowContext(t.Context(), db.bound("SELECT position FROM positions WHERE stream = ?"), stream).Scan(&position))
	return times, position
}
