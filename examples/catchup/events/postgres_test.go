package events_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	mathrand "math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/examples/catchup/events"
	"github.com/cloudlease/leader/internal/emulator"
)

// store returns a database with the table, in a schema that is the test's own.
func store(t *testing.T) *sql.DB {
	address := emulator.Postgres.Address(t)
	admin, err := sql.Open("pgx", address)
	require.NoError(t, err)
	schema := "events_" + strings.ToLower(rand.Text())
	exec(t, admin, "CREATE SCHEMA "+schema)
	t.Cleanup(func() {
		_, _ = admin.Exec("DROP SCHEMA " + schema + " CASCADE")
		_ = admin.Close()
	})
	u, err := url.Parse(address)
	require.NoError(t, err)
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	db, err := sql.Open("pgx", u.String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	exec(t, db, events.PostgresSchema)
	return db
}

func exec(t *testing.T, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, statement string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement)
	require.NoError(t, err, statement)
}

// appending begins a transaction, and appends an event in it.
func appending(t *testing.T, db *sql.DB) (tx *sql.Tx, position int64) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	position, err = events.Append(t.Context(), tx, events.Event{Customer: "Ada", Cents: 1})
	require.NoError(t, err)
	return tx, position
}

// settled reads until the log stands still, and returns the positions.
func settled(t *testing.T, log events.Log, after int64) (positions []int64) {
	t.Helper()
	for quiet := 0; quiet < 5; {
		batch, err := log.Read(t.Context(), after, 100)
		require.NoError(t, err)
		quiet++
		for _, e := range batch {
			positions, after, quiet = append(positions, e.Position), e.Position, 0
		}
	}
	return positions
}

// eventually reads until it has so many events. Transactions of others on the server hold it up.
func eventually(t *testing.T, log events.Log, after int64, count int) (positions []int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(positions) < count {
		batch, err := events.Next(ctx, log, after)
		require.NoError(t, err)
		for _, e := range batch {
			positions, after = append(positions, e.Position), e.Position
		}
	}
	return positions
}

// A producer holds its transaction open, and others commit later positions: no reader passes it, also one that begins meanwhile.
func TestNoReaderPassesAnOpenTransaction(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]struct {
		of   func(*sql.Tx) error
		want []int64
	}{
		"it commits":        {(*sql.Tx).Commit, []int64{2, 3}},
		"it is rolled back": {(*sql.Tx).Rollback, []int64{3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := store(t)
			before, _ := appending(t, db)
			require.NoError(t, before.Commit())
			reader := events.NewPostgresLog(db)
			require.Equal(t, []int64{1}, eventually(t, reader, 0, 1))

			open, held := appending(t, db)
			later, position := appending(t, db)
			require.NoError(t, later.Commit())
			require.Equal(t, []int64{2, 3}, []int64{held, position})
			another := events.NewPostgresLog(db)
			require.Empty(t, settled(t, reader, 1))
			require.Empty(t, settled(t, another, 1))
			unmarked := events.NewSQLiteLog(db) // the same statement, without a mark
			require.Equal(t, []int64{3}, settled(t, unmarked, 1), "it has passed event 2")

			require.NoError(t, end.of(open))
			require.Equal(t, end.want, eventually(t, reader, 1, len(end.want)))
			require.Equal(t, end.want, eventually(t, another, 1, len(end.want)))
		})
	}
}

// A transaction may draw its position long before its row is written. It has an ID by then, or a mark would not count it.
func TestAPositionIsDrawnByATransactionWithAnID(t *testing.T) {
	t.Parallel()
	db := store(t)
	exec(t, db, `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.customer = 'Slow' THEN
		PERFORM pg_advisory_xact_lock(hashtext(current_schema()));
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER wait BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION wait()`)
	first, _ := appending(t, db) // the first nextval of many writes to the log, and so has an ID in any case
	require.NoError(t, first.Commit())
	gate, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	exec(t, gate, `SELECT pg_advisory_xact_lock(hashtext(current_schema()))`)

	written := make(chan error, 1)
	go func() { // it waits between drawing its position and writing its row
		tx, err := db.Begin()
		if err == nil {
			_, err = events.Append(context.Background(), tx, events.Event{Customer: "Slow"})
		}
		if err == nil {
			err = tx.Commit()
		}
		written <- err
	}()
	require.Eventually(t, func() bool {
		var drawn int64
		require.NoError(t, db.QueryRow(`SELECT last_value FROM events_position`).Scan(&drawn))
		return drawn == 2
	}, time.Minute, time.Millisecond)
	later, position := appending(t, db)
	require.NoError(t, later.Commit())
	require.EqualValues(t, 3, position)
	reader := events.NewPostgresLog(db)
	require.NotContains(t, settled(t, reader, 0), int64(3), "position 2 may yet be filled")

	require.NoError(t, gate.Rollback())
	require.NoError(t, <-written)
	require.Equal(t, []int64{1, 2, 3}, eventually(t, events.NewPostgresLog(db), 0, 3))
}

// Some transaction is always open, and none for long: the reader goes on.
func TestAReaderGoesOnAmongTransactions(t *testing.T) {
	t.Parallel()
	db := store(t)
	reader, after := events.NewPostgresLog(db), int64(0)
	open, _ := appending(t, db)
	for deadline := time.Now().Add(time.Minute); after < 10; {
		require.True(t, time.Now().Before(deadline), "it stands at %d", after)
		next, _ := appending(t, db)
		require.NoError(t, open.Commit())
		open = next
		batch, err := reader.Read(t.Context(), after, 100)
		require.NoError(t, err)
		if len(batch) > 0 {
			after = batch[len(batch)-1].Position
		}
	}
	require.NoError(t, open.Commit())
}

// Many producers at once, some of which stay open or roll back. A reader sees every event that is committed, in order.
func TestProducersAtOnce(t *testing.T) {
	t.Parallel()
	db := store(t)
	var mu sync.Mutex
	var committed []int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 60 {
				position, err := transaction(db)
				assert.NoError(t, err)
				if position > 0 {
					mu.Lock()
					committed = append(committed, position)
					mu.Unlock()
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		group.Wait()
	}()
	reader, read := events.NewPostgresLog(db), []int64{0}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		batch, err := reader.Read(t.Context(), read[len(read)-1], 10)
		require.NoError(t, err)
		for _, e := range batch {
			read = append(read, e.Position)
		}
	}
	slices.Sort(committed)
	read = append(read, eventually(t, reader, read[len(read)-1], len(committed)-len(read)+1)...)
	require.Equal(t, committed, read[1:])
}

// transaction appends an event, and returns its position; 0 if it was rolled back.
func transaction(db *sql.DB) (position int64, err error) {
	tx, err := db.Begin()
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() // does nothing after Commit
	position, err = events.Append(context.Background(), tx, events.Event{Customer: "Ada"})
	if err != nil || mathrand.IntN(10) == 0 {
		return 0, err
	}
	time.Sleep(mathrand.N(5 * time.Millisecond)) // so that they end in another order
	return position, tx.Commit()
}
