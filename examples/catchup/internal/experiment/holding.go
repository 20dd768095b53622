package experiment

import (
	"context"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"

	"github.com/cloudlease/leader/examples/catchup/search"
)

// The points of a worker's loop at which a node can be held: before it begins a transaction, so after it has read; before it
// commits one; and before it puts a document.
const (
	atBegin  = "begin"
	atCommit = "commit"
	atPut    = "put"
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

// pass is called at each point. The name of the lease, if it is known, goes to the log.
func (h *holder) pass(at, lease string) {
	h.mu.Lock()
	if h.at != at {
		h.mu.Unlock()
		return
	}
	released := make(chan struct{})
	h.at, h.released = "", released
	h.mu.Unlock()
	slog.Info(messageHeld, "at", at, "lease", lease)
	<-released
}

// holdingDriver opens connections to PostgreSQL or SQLite, whose transactions can be held.
type holdingDriver struct{ holder *holder }

// Open implements driver.Driver. It is not called, since there is an OpenConnector.
func (d holdingDriver) Open(address string) (driver.Conn, error) {
	c, err := d.OpenConnector(address)
	if err != nil {
		return nil, err
	}
	return c.Connect(context.Background())
}

// OpenConnector implements driver.DriverContext: else a worker that is cut off from its database could not stop while it connects.
func (d holdingDriver) OpenConnector(address string) (driver.Connector, error) {
	c := holdingConnector{d, func(context.Context) (driver.Conn, error) { return (&sqlite.Driver{}).Open(address) }}
	if !databaseAt(address).postgres() {
		return c, nil
	}
	inner, err := stdlib.GetDefaultDriver().(*stdlib.Driver).OpenConnector(address)
	if err == nil {
		c.connect = inner.Connect
	}
	return c, err
}

type holdingConnector struct {
	driver  holdingDriver
	connect func(context.Context) (driver.Conn, error)
}

// Driver implements driver.Connector.
func (c holdingConnector) Driver() driver.Driver { return c.driver }

// Connect implements driver.Connector.
func (c holdingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	known, ok := conn.(knownConn)
	if !ok {
		return nil, fmt.Errorf("%T has changed", conn)
	}
	return holdingConn{known, c.driver.holder}, nil
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
	c.holder.pass(atBegin, "")
	tx, err := c.knownConn.BeginTx(ctx, options)
	return holdingTx{tx, c.holder}, err
}

type holdingTx struct {
	driver.Tx
	holder *holder
}

func (tx holdingTx) Commit() error {
	tx.holder.pass(atCommit, "")
	return tx.Tx.Commit()
}

// holdingTransport sends requests. Those that put documents can be held.
type holdingTransport struct {
	http.RoundTripper
	holder *holder
}

func (t holdingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if lease := r.Header.Get(search.LeaseHeader); lease != "" {
		t.holder.pass(atPut, lease)
	}
	return t.RoundTripper.RoundTrip(r)
}
