package fence

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/lease"
)

// Repeatable reports whether a database refused a transaction only because of a concurrent one: a serialization failure, a
// deadlock, a lock that was waited for too long, a busy SQLite. Nothing of the transaction is stored. Roll it back, and repeat
// all of it, from its beginning. It knows these errors, of any statement and of the commit, by the drivers' SQLSTATE or text.
//
// PostgreSQL: 40001, 40P01, 55P03. MySQL and MariaDB: 1213, 1205, 1020. SQLite: SQLITE_BUSY, SQLITE_LOCKED.
func Repeatable(err error) bool {
	if err == nil {
		return false
	}
	if state := sqlState(err); state != "" {
		return slices.Contains([]string{"40001", "40P01", "55P03"}, state)
	}
	return refused.MatchString(err.Error())
}

// PostgreSQL's drivers tell the SQLSTATE of an error. The other drivers have error types that this package does
// not know: it reads MySQL's number, or SQLite's message, in the text.
var (
	refused = regexp.MustCompile(`\bError (1213|1205|1020)\b|\b(database|database table|table|database schema) is locked\b`)
	absent  = regexp.MustCompile(`\bError (1146|1054)\b|\bno such (table|column)\b|\bhas no column named\b`)
)

// sqlState returns the SQLSTATE as the drivers for PostgreSQL tell it (pgx, pq).
func sqlState(err error) string {
	if e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return e.SQLState()
	}
	return ""
}

// failed wraps the error of a statement that uses the table. If the table is missing, or another one, it says how to make it.
func failed(d Dialect, err error) error {
	if err == nil {
		return nil
	}
	if slices.Contains([]string{"42P01", "42703"}, sqlState(err)) || absent.MatchString(err.Error()) {
		return &lease.MisconfiguredError{Err: err, Advice: fmt.Sprintf("make the table leader_fence in the connection's database and schema, "+
			"as fence.Schema(fence.%s) says:\n%s", d, Schema(d))}
	}
	return err
}

// explain says what was tried, and what to do about an error.
func explain(ctx context.Context, what string, err error) error {
	if ctx.Err() == nil && Repeatable(err) {
		return fmt.Errorf("fence: %s: a concurrent transaction is in the way: roll back, and repeat the transaction: %w", what, err)
	}
	return fmt.Errorf("fence: %s: %w", what, failure.WithCause(ctx, err))
}
