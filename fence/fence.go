package fence

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A claim that collides with other transactions is repeated, since it is a transaction by itself.
const (
	tries   = 10
	pause   = 20 * time.Millisecond // before the second try, about; it doubles, up to longest
	longest = time.Second
)

// Claim writes the term's token to the database, in a transaction by itself, and commits it. Call it once when the term
// begins, and only then begin the transaction that reads the position. It never lowers the token, so it may be called
// again with the same term, as after an error that leaves open whether it was done.
//
// The error is lease.ErrLost if the term is over, or the database has a greater token; lease.ErrInvalid if the token is
// above 2^63-1, which no column holds; lease.ErrMisconfigured if the table is missing, with the statement that makes it.
// Claim repeats itself when a concurrent transaction is in the way, some seconds long; after that the error is
// [Repeatable]. Any other error is the driver's.
//
// Claim uses a connection of db besides those of transactions that are open.
func Claim(ctx context.Context, db *sql.DB, term lease.Term) error {
	if err := valid(term); err != nil {
		return err
	}
	wait := pause
	for try := 1; ; try++ {
		stored, err := claim(ctx, db, term)
		switch {
		case err == nil:
			return cmp.Or(compare(term, stored), term.Check())
		case term.Check() != nil:
			return term.Check()
		case try == tries || !Repeatable(err):
			return explain(ctx, "claim "+subject(term), err)
		}
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-ctx.Done():
			return explain(ctx, "claim "+subject(term), err)
		}
		wait = min(2*wait, longest)
	}
}

// claim is one try of Claim. It returns the token that is there now.
func claim(ctx context.Context, db *sql.DB, term lease.Term) (stored uint64, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() // does nothing after Commit
	d, err := dialectOf(ctx, tx)
	if err != nil {
		return 0, err
	}
	token := int64(term.Token())
	if _, err := tx.ExecContext(ctx, statements[d].claim, term.Name(), token, token); err != nil {
		return 0, failed(d, err)
	}
	stored, err = read(ctx, tx, d, term)
	if err != nil {
		return 0, failed(d, err)
	}
	return stored, tx.Commit()
}

// Check returns nil only if the term still holds and has claimed the database, and no later term has. Then none can until tx
// ends. Call it in each transaction that has an effect: before the effect, or at the latest before the commit.
//
// The error is lease.ErrLost if the term is over, if the database has another token, also an older one, as after a backup
// was restored, and if it has none, or none in this transaction's snapshot. It is lease.ErrInvalid and
// lease.ErrMisconfigured as for [Claim]. If a concurrent transaction is in the way, the error is [Repeatable]. Any other
// error is the driver's. After each of them the transaction is to be rolled back.
//
// What gives up the lock before the transaction ends takes the protection away: a rollback to a savepoint that is older than
// the check, and in MySQL a statement that commits, such as CREATE TABLE.
func Check(ctx context.Context, tx *sql.Tx, term lease.Term) error {
	if err := valid(term); err != nil {
		return err
	}
	stored, err := locked(ctx, tx, term)
	if lost := term.Check(); lost != nil { // the lock may have been waited for
		return lost
	}
	if err != nil {
		return explain(ctx, "check "+subject(term), err)
	}
	return compare(term, stored)
}

// locked returns the token that is there, and locks it; 0 if there is none.
func locked(ctx context.Context, tx *sql.Tx, term lease.Term) (stored uint64, err error) {
	d, err := dialectOf(ctx, tx)
	if err != nil {
		return 0, err
	}
	if lock := statements[d].lock; lock != "" {
		if _, err := tx.ExecContext(ctx, lock, term.Name(), int64(term.Token())); err != nil {
			return 0, failed(d, err)
		}
	}
	stored, err = read(ctx, tx, d, term)
	return stored, failed(d, err)
}

func read(ctx context.Context, tx *sql.Tx, d Dialect, term lease.Term) (stored uint64, err error) {
	err = tx.QueryRowContext(ctx, statements[d].read, term.Name()).Scan(&stored)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return stored, err
}

func valid(term lease.Term) error {
	if token := term.Token(); token > math.MaxInt64 {
		return fmt.Errorf("fence: %w: the term of %q has token %d, and a database's integers end at %d",
			lease.ErrInvalid, term.Name(), token, uint64(math.MaxInt64))
	}
	return term.Check()
}

// compare returns nil if the stored token is the term's.
func compare(term lease.Term, stored uint64) error {
	switch token := term.Token(); {
	case stored == token:
		return nil
	case stored > token:
		return fmt.Errorf("fence: %w: the database is claimed by a later term of %q, with token %d, and this one has %d",
			lease.ErrLost, term.Name(), stored, token)
	case stored == 0:
		return fmt.Errorf("fence: %w: %s is not claimed in this database, or was not when this transaction's snapshot was taken: "+
			"call fence.Claim when the term begins, and begin transactions after it", lease.ErrLost, subject(term))
	default:
		return fmt.Errorf("fence: %w: the database has token %d, older than that of %s: it was not claimed, or a backup was "+
			"restored since: the next term claims it, and reads its position anew", lease.ErrLost, stored, subject(term))
	}
}

func subject(term lease.Term) string {
	return fmt.Sprintf("%q with token %d", term.Name(), term.Token())
}
