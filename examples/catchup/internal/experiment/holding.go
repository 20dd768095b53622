package experiment

import (
	"context"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
)

// The points of a worker's loop at which a node can be held: before it begins a transaction, so after it has read; and before it
// commits one.
const (
	atBegin  = "begin"
	atCommit = "commit"
)

// A holder holds the next transaction that comes to a point, until it is released.
type holder struct {
	mu       sync.Mutex
	at       string        // where to hold the next transaction; "": nowhere
	released chan struct{} // while one is held
}

// hold asks for the next transaction to be held.
func (h *holder) hold(at string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = at
}

// release lets the held transaction go on, or holds none.
func (h *holder) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = ""
	if h.released != nil {
		close(h.released)
		h.released = nil
	}
}

// pass is called at each point.
func (h *holder) pass(at string) {
	h.mu.Lock()
	if h.at != at {
		h.mu.Unlock()
		return
	}
	released := make(chan struct{})
	h.at, h.released = "", released
	h.mu.Unlock()
	slog.Info(messageHeld, "at", at)
	<-released
}

// holdingDriver opens connections to PostgreSQL or SQLite, whose transactions can be held.
type holdingDriver struct{ holder *holder }

func (d holdingDriver) Open(address string) (driver.Conn, error) {
	var inner driver.Driver = &sqlite.Driver{}
	if strings.HasPrefix(address, "postgres:") {
		inner = stdlib.GetDefaultDriver()
	}
	conn, err := inner.Open(address)
	if err != nil {
		return nil, err
	}
	known, ok := conn.(knownConn)
	if !ok {
		return nil, fmt.Errorf("%T has changed", conn)
	}
	return holdingConn{known, d.holder}, nil
}

type knownConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
}

type holdingConn struct {
	knownConn
	holder *holder
}

func (c holdingConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	c.holder.pass(atBegin)
	tx, err := c.knownConn.BeginTx(ctx, options)
	return holdingTx{tx, c.holder}, err
}

type holdingTx struct {
	driver.Tx
	holder *holder
}

func (tx holdingTx) Commit() error {
	tx.holder.pass(atCommit)
	return tx.Tx.Commit()
}
