package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/cloudlease/leader/lease"
)

// The checkpoint is a row of a table, beside what the work writes, in any SQL database:
//
//	CREATE TABLE checkpoint (name VARCHAR(255) PRIMARY KEY, token BIGINT NOT NULL, position BIGINT NOT NULL)
//	INSERT INTO checkpoint (name, token, position) VALUES ('numbers', 0, 0)
//
// It says how far the work has come, and which term may move it.

// claim makes the checkpoint this term's, and only then reads it. From the claim on, the database refuses what an older
// term sends late, so the position stays as it was read.
func claim(ctx context.Context, db *sql.DB, term lease.Term) (position int64, err error) {
	token := int64(term.Token())
	_, err = db.ExecContext(ctx, `UPDATE checkpoint SET token = $1 WHERE name = 'numbers' AND token < $1`, token)
	if err != nil {
		return 0, err
	}
	err = db.QueryRowContext(ctx, `SELECT position FROM checkpoint WHERE name = 'numbers' AND token = $1`, token).Scan(&position)
	if errors.Is(err, sql.ErrNoRows) {
		err = refusal(ctx, db, token)
	}
	return position, err
}

// save moves the checkpoint, in the transaction that has the effect: either both stand, or neither.
func save(ctx context.Context, tx *sql.Tx, term lease.Term, position int64) error {
	token := int64(term.Token())
	if err := term.Check(); err != nil { // right before the effect
		return err
	}
	result, err := tx.ExecContext(ctx, `UPDATE checkpoint SET position = $2 WHERE name = 'numbers' AND token = $1`, token, position)
	if err != nil {
		return err
	}
	if rows, err := result.RowsAffected(); err != nil || rows == 1 {
		return err
	}
	return refusal(ctx, tx, token)
}

// refusal says why the checkpoint is not this term's. A row that is missing is not a newer term.
func refusal(ctx context.Context, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, token int64) error {
	var owner int64
	switch err := db.QueryRowContext(ctx, `SELECT token FROM checkpoint WHERE name = 'numbers'`).Scan(&owner); {
	case errors.Is(err, sql.ErrNoRows):
		return errors.New("there is no checkpoint named numbers: insert its row, with the position to go on from")
	case err != nil:
		return err
	}
	return fmt.Errorf("the checkpoint is that of token %d, and this term has %d: %w", owner, token, lease.ErrLost)
}
