package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	_ "modernc.org/sqlite" // or the driver of your database

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/fence"
	"github.com/cloudlease/leader/lease"
)

// numbers hands out numbers while this node leads.
type numbers struct {
	db *sql.DB

	mu   sync.Mutex
	term lease.Term // the latest; no request comes in before it has begun, or after it has ended
	last int64
}

// work is the leader's work: it claims the state, and lets requests in until its context ends.
func (n *numbers) work(ctx context.Context) error {
	term, _ := leader.TermFrom(ctx)
	last, err := takeOver(ctx, n.db, term)
	if err != nil {
		return err
	}
	n.set(term, last)
	fmt.Println("leads: the next number is", last+1)
	return leader.Serve(ctx) // returns once all requests are answered
}

// takeOver makes the database this term's, and only then reads the last number. From the claim on, the database refuses what an
// older term sends late, so that number stays the last.
func takeOver(ctx context.Context, db *sql.DB, term lease.Term) (last int64, err error) {
	if err := fence.Claim(ctx, db, term); err != nil {
		return 0, err
	}
	err = db.QueryRowContext(ctx, `SELECT COALESCE(MAX(number), 0) FROM numbers`).Scan(&last)
	return last, err
}

func (n *numbers) set(term lease.Term, last int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.term, n.last = term, last
}

// ServeHTTP answers with a number that it has given to nobody yet. It is called while this node leads.
func (n *numbers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number, err := n.next(r.Context())
	switch {
	case err != nil && r.Context().Err() != nil, errors.Is(err, lease.ErrLost):
		w.Header().Set("Retry-After", "1")
		http.Error(w, fmt.Sprintf("this node does not lead any more: ask another (%v)", err), http.StatusServiceUnavailable)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		fmt.Fprintln(w, number)
	}
}

// next hands out a number: it writes it down, and the term that gave it.
func (n *numbers) next(ctx context.Context) (int64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	tx, err := n.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() // does nothing after Commit
	number := n.last + 1
	if err := fence.Check(ctx, tx, n.term); err != nil { // right before the effect, and until the commit
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO numbers (number, token) VALUES ($1, $2)`, number, int64(n.term.Token())); err != nil {
		return 0, err
	}
	n.last = number // if the commit fails, too: it may have been done, and no number is given twice
	return number, tx.Commit()
}

// driver is the name of the database's driver.
var driver = "sqlite"

// open opens the database, and makes missing tables.
func open(ctx context.Context, path string) (*sql.DB, error) {
	db, err := sql.Open(driver, (&url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=busy_timeout(10000)"}).String())
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{
		fence.Schema(fence.SQLite),
		`CREATE TABLE IF NOT EXISTS numbers (number BIGINT NOT NULL, token BIGINT NOT NULL)`,
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(fmt.Errorf("database %s: %w", path, err), db.Close())
		}
	}
	return db, nil
}
