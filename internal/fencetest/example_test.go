package fencetest

import (
	"context"
	"database/sql"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/fence"
	"github.com/cloudlease/leader/lease"
)

// project, apply and makeTables are those of package fence's Example.

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

// The example's functions, as they are there.
func TestTheExampleIsTheOneThatIsTested(t *testing.T) {
	t.Parallel()
	theirs, ours := functions(t, "../../fence/example_test.go"), functions(t, "example_test.go")
	for _, name := range []string{"project", "apply", "makeTables"} {
		require.Equal(t, theirs[name], ours[name], "copy it from fence/example_test.go")
	}
}

func functions(t *testing.T, file string) map[string]string {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, nil, 0)
	require.NoError(t, err)
	found := map[string]string{}
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			var text strings.Builder
			require.NoError(t, format.Node(&text, set, f))
			found[f.Name.Name] = text.String()
		}
	}
	return found
}

// Ten terms follow one another. Each is suspended when it has the next event, and wakes when all the others have taken over.
func TestTheExample(t *testing.T) {
	t.Parallel()
	db := openPostgres(t)
	for range 2 { // the statements can be repeated
		require.NoError(t, makeTables(t.Context(), db))
	}
	const terms, each = 10, 3
	wake, ends := make(chan struct{}), make(chan error, terms)
	for n := range terms {
		of, _ := term(t, "orders-projection", uint64(n)+1)
		suspended, asked := make(chan struct{}), 0
		go func() {
			ends <- project(lease.WithTerm(t.Context(), of), db, func(_ context.Context, after int64) (int64, string, error) {
				if asked++; asked == each+1 {
					close(suspended)
					<-wake
				}
				return after + 1, fmt.Sprint("event ", after+1), nil
			})
		}()
		select {
		case <-suspended:
		case err := <-ends:
			require.NoError(t, err)
		}
	}
	last, _ := term(t, "orders-projection", terms+1)
	require.NoError(t, fence.Claim(t.Context(), db, last))
	close(wake)
	for range terms {
		require.ErrorIs(t, <-ends, lease.ErrLost)
	}

	rows, err := db.QueryContext(t.Context(), `SELECT position, event FROM orders ORDER BY position`)
	require.NoError(t, err)
	defer rows.Close()
	next := 1
	for ; rows.Next(); next++ {
		var position int
		var event string
		require.NoError(t, rows.Scan(&position, &event))
		require.Equal(t, fmt.Sprint(next, " event ", next), fmt.Sprint(position, " ", event))
	}
	require.NoError(t, rows.Err())
	require.Equal(t, terms*each+1, next)
}
