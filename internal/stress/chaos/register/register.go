//go:build unix

// Package register is a fenced register in an SQLite database, as the other end of a lease's effects should be: a term
// claims it and then reads how many events were applied, and a write of any other term is refused.
package register

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	_ "modernc.org/sqlite" // written in Go, so that the workers need no C compiler
)

// ErrStale means that another term has claimed the register, one with a greater token. Use errors.Is.
var ErrStale = errors.New("register: stale token")

// A Register is one process's connection to the database. It is not safe for concurrent use.
type Register struct {
	db *sql.DB
}

// Create makes a register. Its writes survive the end of every process, but not of the machine: that would cost a disk's time
// for each write.
func Create(path string) error {
	r, err := Open(path)
	if err != nil {
		return err
	}
	for _, statement := range []string{
		`PRAGMA journal_mode = wal`, // the file keeps this setting
		`CREATE TABLE register (id INTEGER PRIMARY KEY CHECK (id = 1), token INTEGER NOT NULL, applied INTEGER NOT NULL)`,
		`CREATE TABLE log (number INTEGER PRIMARY KEY AUTOINCREMENT, token INTEGER NOT NULL, process TEXT NOT NULL, event INTEGER NOT NULL)`,
		`INSERT INTO register VALUES (1, 0, 0)`,
	} {
		if _, err := r.db.Exec(statement); err != nil {
			return errors.Join(fmt.Errorf("register %s: %w", path, err), r.Close())
		}
	}
	return r.Close()
}

// Open opens the register in the file; the first call uses it. A write waits for a quarter of a second for a concurrent
// transaction, and then fails.
func Open(path string) (*Register, error) {
	settings := url.Values{
		"_txlock": {"immediate"}, // the comparison and the write are one transaction
		"_pragma": {"busy_timeout(250)", "synchronous(off)"},
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: settings.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &Register{db}, nil
}

// Close closes the connection.
func (r *Register) Close() error { return r.db.Close() }

// Claim makes the register the term's, and then returns how many events were applied. From the claim on, no older term
// applies another. It is an ErrStale if the register has seen a greater token. It may be repeated.
func (r *Register) Claim(token uint64) (applied int64, err error) {
	if _, err := r.db.Exec(`UPDATE register SET token = ?1 WHERE token < ?1`, int64(token)); err != nil {
		return 0, err
	}
	err = r.db.QueryRow(`SELECT applied FROM register WHERE token = ?1`, int64(token)).Scan(&applied)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w %d", ErrStale, token)
	}
	return applied, err
}

// Apply applies an event in the name of the term that has claimed the register. It is an ErrStale if another has. After any
// other error, a busy database above all, nothing was written.
func (r *Register) Apply(token uint64, event int64, process string) error {
	tx, err := r.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	result, err := tx.Exec(`UPDATE register SET applied = ?2 WHERE token = ?1`, int64(token), event)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("%w %d", ErrStale, token))
	}
	// Verify looks at the log. It is written without any condition, in the order of the transactions.
	if _, err := tx.Exec(`INSERT INTO log (token, process, event) VALUES (?, ?, ?)`, int64(token), process, event); err != nil {
		return err
	}
	return tx.Commit()
}

// Verify reads the log of all accepted writes, in the order of their transactions, and returns their number. It returns an
// error if an event was left out or applied twice, if a token is smaller than one before it, if two processes wrote with the
// same token, or if the register has counted more or fewer events than the log has.
func (r *Register) Verify() (writes int, err error) {
	rows, err := r.db.Query(`SELECT token, process, event FROM log ORDER BY number`)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	owners := map[int64]string{}
	for last := int64(0); rows.Next(); writes++ {
		var token, event int64
		var process string
		if err := rows.Scan(&token, &process, &event); err != nil {
			return writes, err
		}
		if token < last {
			return writes, fmt.Errorf("register: a stale write was accepted: %s wrote with token %d after a write with token %d", process, token, last)
		}
		last = token
		if owner, known := owners[token]; known && owner != process {
			return writes, fmt.Errorf("register: S2: %s and %s both wrote with token %d", owner, process, token)
		}
		owners[token] = process
		if want := int64(writes) + 1; event != want {
			return writes, fmt.Errorf("register: %s with token %d applied event %d, and it was event %d's turn", process, token, event, want)
		}
	}
	if err := rows.Err(); err != nil {
		return writes, err
	}
	var counted int
	if err := r.db.QueryRow(`SELECT applied FROM register`).Scan(&counted); err != nil {
		return writes, err
	}
	if counted != writes {
		return writes, fmt.Errorf("register: it has counted %d events, and its log has %d", counted, writes)
	}
	return writes, nil
}
