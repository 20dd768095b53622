package fencetest

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fence"
	"github.com/cloudlease/leader/lease"
)

// each runs a test on every dialect.
func each(t *testing.T, test func(t *testing.T, db database)) {
	t.Parallel()
	for _, p := range dialects {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t, p))
		})
	}
}

// checked checks a term in a transaction, which is rolled back.
func checked(t *testing.T, db database, of lease.Term) error {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), db.options)
	require.NoError(t, err)
	defer tx.Rollback()
	return fence.Check(t.Context(), tx, of)
}

func (db database) token(t *testing.T, name string) (token int64) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), db.bound("SELECT token FROM leader_fence WHERE name = ?"), name).Scan(&token))
	return token
}

// Each case has its own sentence, and all are ErrLost.
func TestWhyATermIsRefused(t *testing.T) {
	each(t, func(t *testing.T, db database) {
		ours, _ := term(t, "orders", 5)
		refused := func(err error, sentence string) {
			t.Helper()
			require.ErrorIs(t, err, lease.ErrLost)
			require.ErrorContains(t, err, sentence)
			require.False(t, fence.Repeatable(err))
		}
		refused(checked(t, db, ours), `"orders" with token 5 is not claimed in this database, or was not when this transaction's snapshot was taken: call fence.Claim`)
		for range 2 { // it can be repeated
			require.NoError(t, fence.Claim(t.Context(), db.DB, ours))
			require.NoError(t, checked(t, db, ours))
		}

		exec(t, db.DB, "UPDATE leader_fence SET token = 4") // from a backup
		refused(checked(t, db, ours), `the database has token 4, older than that of "orders" with token 5: it was not claimed, or a backup was restored since`)
		require.NoError(t, fence.Claim(t.Context(), db.DB, ours))

		later, _ := term(t, "orders", 6)
		require.NoError(t, fence.Claim(t.Context(), db.DB, later))
		const taken = `the database is claimed by a later term of "orders", with token 6, and this one has 5`
		refused(checked(t, db, ours), taken)
		refused(fence.Claim(t.Context(), db.DB, ours), taken)
		require.EqualValues(t, 6, db.token(t, "orders"), "a claim never lowers the token")
		require.NoError(t, checked(t, db, later))

		other, _ := term(t, "Orders ", 1)
		refused(checked(t, db, other), "is not claimed")
		require.NoError(t, fence.Claim(t.Context(), db.DB, other), "another name, byte by byte")
		require.NoError(t, checked(t, db, later))
	})
}

// What is over has no claim, and no check, whatever the database says.
func TestATermThatIsOver(t *testing.T) {
	each(t, func(t *testing.T, db database) {
		ours, lose := term(t, "orders", 5)
		require.NoError(t, fence.Claim(t.Context(), db.DB, ours))
		lose()
		for _, over := range []lease.Term{ours, {}} {
			require.ErrorIs(t, fence.Claim(t.Context(), db.DB, over), lease.ErrLost)
			require.ErrorIs(t, checked(t, db, over), lease.ErrLost)
		}
	})
}

func TestTokensThatNoColumnHolds(t *testing.T) {
	each(t, func(t *testing.T, db database) {
		greatest, _ := term(t, "orders", math.MaxInt64)
		require.NoError(t, fence.Claim(t.Context(), db.DB, greatest))
		require.NoError(t, checked(t, db, greatest))
		tooGreat, _ := term(t, "orders", math.MaxInt64+1)
		for _, err := range []error{fence.Claim(t.Context(), db.DB, tooGreat), checked(t, db, tooGreat)} {
			require.ErrorIs(t, err, lease.ErrInvalid)
			require.ErrorContains(t, err, "9223372036854775808")
		}
	})
}

// Without the table, or with another one of that name, the error has the statement that makes it.
func TestAMissingTable(t *testing.T) {
	each(t, func(t *testing.T, db database) {
		ours, _ := term(t, "orders", 5)
		for _, statement := range []string{"DROP TABLE leader_fence", "CREATE TABLE leader_fence (id INT)"} {
			exec(t, db.DB, statement)
			for _, err := range []error{fence.Claim(t.Context(), db.DB, ours), checked(t, db, ours)} {
				require.ErrorIs(t, err, lease.ErrMisconfigured)
				require.NotErrorIs(t, err, lease.ErrLost)
				require.ErrorContains(t, err, fence.Schema(db.dialect))
				require.ErrorContains(t, err, "fence.Schema(fence."+db.dialect.String()+")")
			}
		}
		exec(t, db.DB, "DROP TABLE leader_fence")
		for range 2 { // it may be there
			exec(t, db.DB, fence.Schema(db.dialect))
		}
		require.NoError(t, fence.Claim(t.Context(), db.DB, ours))
	})
}

// Of many claims at once the greatest stands, and nobody is told otherwise.
func TestClaimsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, db database) {
		const greatest = 12
		var group sync.WaitGroup
		for token := uint64(1); token <= greatest; token++ {
			of, _ := term(t, "orders", token)
			for range 2 { // also the same one at once
				group.Go(func() {
					err := fence.Claim(t.Context(), db.DB, of)
					for fence.Repeatable(err) { // on a busy machine, its own tries may not be enough
						err = fence.Claim(t.Context(), db.DB, of)
					}
					if token == greatest || !errors.Is(err, lease.ErrLost) {
						assert.NoError(t, err, token)
					}
				})
			}
		}
		group.Wait()
		require.EqualValues(t, greatest, db.token(t, "orders"))
	})
}

// someoneWaits returns when a statement in this schema waits for a lock.
func someoneWaits(t *testing.T, db database) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var waiting int
		assert.NoError(c, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND application_name = current_setting('application_name')`).Scan(&waiting))
		assert.NotZero(c, waiting)
	}, time.Minute, 5*time.Millisecond)
}

// A claim waits for an old transaction that has checked. The end of its context, and of its term, end that.
func TestAClaimThatWaits(t *testing.T) {
	t.Parallel()
	db := open(t, places[0])
	old, _ := term(t, "orders", 1)
	require.NoError(t, fence.Claim(t.Context(), db.DB, old))
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	require.NoError(t, fence.Check(t.Context(), tx, old))

	later, lose := term(t, "orders", 2)
	gaveUp := errors.New("gave up")
	claimed := make(chan error, 1)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { claimed <- fence.Claim(ctx, db.DB, later) }()
	someoneWaits(t, db)
	cancel(gaveUp)
	err = <-claimed
	require.ErrorIs(t, err, gaveUp)
	require.ErrorContains(t, err, `claim "orders" with token 2`)

	ctx, cancel = context.WithCancelCause(t.Context())
	go func() { claimed <- fence.Claim(ctx, db.DB, later) }()
	someoneWaits(t, db)
	lose()
	cancel(gaveUp) // as a term does when it ends
	require.ErrorIs(t, <-claimed, lease.ErrLost)
	require.NoError(t, tx.Commit())
}

// A check waits for a claim that is not committed yet. If the term ends meanwhile, it is refused, though the claim came to nothing.
func TestACheckThatWaits(t *testing.T) {
	t.Parallel()
	db := open(t, places[0])
	ours, lose := term(t, "orders", 1)
	require.NoError(t, fence.Claim(t.Context(), db.DB, ours))
	claim, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer claim.Rollback()
	_, err = claim.ExecContext(t.Context(), "UPDATE leader_fence SET token = 2")
	require.NoError(t, err)

	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	checked := make(chan error, 1)
	go func() { checked <- fence.Check(t.Context(), tx, ours) }()
	someoneWaits(t, db)
	lose()
	require.NoError(t, claim.Rollback())
	require.ErrorIs(t, <-checked, lease.ErrLost)
}

// PostgreSQL ends the session of a process that is suspended in a transaction: what it had done is gone, and the claim goes on.
func TestASuspendedTransactionIsEnded(t *testing.T) {
	t.Parallel()
	db := open(t, places[0])
	exec(t, db.DB, "INSERT INTO positions (stream, position) VALUES ('orders', 0)")
	oldTerm, _ := term(t, "orders", 1)
	newTerm, _ := term(t, "orders", 2)
	old := worker{db: db, stream: "orders", term: oldTerm}
	require.NoError(t, fence.Claim(t.Context(), db.DB, oldTerm))
	require.NoError(t, old.begin(t.Context()))
	_, err := old.tx.ExecContext(t.Context(), "SET LOCAL idle_in_transaction_session_timeout = 1")
	require.NoError(t, err)
	for _, s := range []func(context.Context) error{old.check, old.write} {
		if err := s(t.Context()); err != nil {
			break // its session has ended already
		}
	}
	require.NoError(t, fence.Claim(t.Context(), db.DB, newTerm), "it waits until the server has ended the session")
	require.Error(t, old.commit(t.Context()))
	times, position := db.applied(t, "orders")
	require.Empty(t, times)
	require.Zero(t, position)
}

// Transactions of one term deadlock, as an application's do. One is refused, repeats itself, and each is applied once.
func TestADeadlock(t *testing.T) {
	t.Parallel()
	for _, p := range places {
		if p.dialect == fence.SQLite {
			continue // it has one writer at a time
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			db := open(t, p)
			exec(t, db.DB, "INSERT INTO positions (stream, position) VALUES ('a', 0), ('b', 0)")
			of, _ := term(t, "orders", 1)
			require.NoError(t, fence.Claim(t.Context(), db.DB, of))
			var group, both sync.WaitGroup
			both.Add(2)
			refusals := make(chan error, 100)
			for _, order := range [][2]string{{"a", "b"}, {"b", "a"}} {
				group.Go(func() {
					met := sync.OnceFunc(func() { both.Done(); both.Wait() })
					for {
						err := twoRows(t.Context(), db, of, order, met)
						if !fence.Repeatable(err) {
							assert.NoError(t, err)
							return
						}
						refusals <- err
					}
				})
			}
			group.Wait()
			require.NotEmpty(t, refusals)
			var sum int
			require.NoError(t, db.QueryRowContext(t.Context(), "SELECT SUM(position) FROM positions").Scan(&sum))
			require.Equal(t, 4, sum, "each transaction once")
		})
	}
}

// twoRows adds one to two rows in a transaction; met is called between them.
func twoRows(ctx context.Context, db database, of lease.Term, order [2]string, met func()) error {
	tx, err := db.BeginTx(ctx, db.options)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := fence.Check(ctx, tx, of); err != nil {
		return err
	}
	for _, stream := range order {
		if _, err := tx.ExecContext(ctx, db.bound("UPDATE positions SET position = position + 1 WHERE stream = ?"), stream); err != nil {
			return err
		}
		met()
	}
	return tx.Commit()
}
