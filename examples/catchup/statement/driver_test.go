package statement_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"

	"modernc.org/sqlite"
)

// suspending is SQLite, whose callers are suspended before each statement and each transaction's begin.
type suspending struct {
	source string
	claims bool // if not, the claim is taken out
}

func (c suspending) Driver() driver.Driver { return &sqlite.Driver{} }

func (c suspending) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.Driver().Open(c.source)
	if err != nil {
		return nil, err
	}
	plain, ok := conn.(plainConn)
	if !ok {
		return nil, errors.New("the driver has changed")
	}
	if c.claims {
		return suspendingConn{plain}, nil
	}
	return suspendingConn{&unclaimed{plainConn: plain}}, nil
}

type plainConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
}

type suspendingConn struct{ plainConn }

func (c suspendingConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	suspend(ctx)
	tx, err := c.plainConn.BeginTx(ctx, options)
	return suspendingTx{tx, ctx}, err
}

func (c suspendingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	suspend(ctx)
	return c.plainConn.ExecContext(ctx, query, args)
}

func (c suspendingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	suspend(ctx)
	return c.plainConn.QueryContext(ctx, query, args)
}

type suspendingTx struct {
	driver.Tx
	ctx context.Context
}

func (tx suspendingTx) Commit() error {
	suspend(tx.ctx)
	return tx.Tx.Commit()
}

// unclaimed leaves out the claim of a term that begins. A transaction writes its token in the place of the check, and compares: that is
// not enough (docs/fencing.md).
type unclaimed struct {
	plainConn
	claiming bool
}

func (c *unclaimed) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	switch {
	case strings.HasPrefix(query, "INSERT INTO leader_fence"):
		c.claiming = true
		return driver.RowsAffected(1), nil
	case strings.HasPrefix(query, "UPDATE leader_fence"):
		query = claimStatement
		args = append(args, driver.NamedValue{Ordinal: 3, Value: args[1].Value})
	}
	return c.plainConn.ExecContext(ctx, query, args)
}

func (c *unclaimed) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.claiming && strings.HasPrefix(query, "SELECT token") {
		c.claiming = false
		query, args = "SELECT ?", []driver.NamedValue{{Ordinal: 1, Value: int64(sleeperOf(ctx).token)}}
	}
	return c.plainConn.QueryContext(ctx, query, args)
}

const claimStatement = `INSERT INTO leader_fence (name, token) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET token = excluded.token WHERE leader_fence.token < ?`
