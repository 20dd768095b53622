package statement_test

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/examples/catchup/events"
	"github.com/cloudlease/leader/examples/catchup/statement"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// older is a store as a program of an older version sees it, which does not know that leases have values: their records have a format
// that is newer than any it knows.
type older struct{ lease.Store }

func (o older) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	found, err := o.Store.Load(ctx, name)
	found.Data = bytes.Replace(found.Data, []byte(`"format":2`), []byte(`"format":3`), 1)
	return found, err
}

// A program is a worker of one version, which runs until it is stopped.
type program struct {
	*leader.Leader
	stop func()
}

// A fleet has workers of two versions, on one lease and one database. The newer version keeps a note in the lease.
type fleet struct {
	t     *testing.T
	store lease.Store
	db    *sql.DB
	note  string // what the newer version's work sets when it begins
}

func (f *fleet) start(name string, store lease.Store, begins func(context.Context) error) program {
	projection := statement.Projection{DB: f.db, Log: func() events.Log { return events.NewSQLiteLog(f.db) }}
	l := leader.New(
		leader.WithLeaseManager(lease.NewManager(store)), leader.WithLeaseName("orders"), leader.WithNodeID(name),
		leader.WithLogger(slog.New(slog.NewTextHandler(f.t.Output(), nil))),
		leader.WhenStarted(func(ctx context.Context) error {
			if err := begins(ctx); err != nil {
				return err
			}
			return projection.Run(ctx)
		}),
	)
	ctx, cancel := context.WithCancel(f.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	return program{l, func() {
		cancel()
		require.NoError(f.t, <-ended)
	}}
}

func (f *fleet) startOlder(name string) program {
	return f.start(name, older{f.store}, func(context.Context) error { return nil })
}

func (f *fleet) startNewer(name string) program {
	return f.start(name, f.store, func(ctx context.Context) error { return leader.SetValue(ctx, f.note) })
}

// value returns that of the lease.
func (f *fleet) value() string {
	info, err := lease.Inspect(f.t.Context(), lease.NewManager(f.store), "orders")
	require.NoError(f.t, err)
	return info.Value
}

// append appends events, and reports whether they are applied in a minute, which is longer than a failover takes.
func (f *fleet) append() (applied bool) {
	tx, err := f.db.BeginTx(f.t.Context(), nil)
	require.NoError(f.t, err)
	var last int64
	for range 5 {
		last, err = events.Append(f.t.Context(), tx, events.Event{Customer: "Ada", Cents: 1})
		require.NoError(f.t, err)
	}
	require.NoError(f.t, tx.Commit())
	for range 60 {
		time.Sleep(time.Second)
		synctest.Wait()
		var position int64
		require.NoError(f.t, f.db.QueryRowContext(f.t.Context(), `SELECT position FROM statement_position`).Scan(&position))
		if position == last {
			return true
		}
	}
	return false
}

// A worker of an older version beside newer ones loses nothing: neither an event, nor the value that it does not know.
func TestAnOlderVersionBesideANewerOne(t *testing.T) {
	t.Parallel()
	source := "file:" + filepath.Join(t.TempDir(), "db") + "?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=busy_timeout(10000)&_txlock=immediate"
	synctest.Test(t, func(t *testing.T) {
		db, err := sql.Open("sqlite", source)
		require.NoError(t, err)
		defer db.Close()
		makeTables(t, db)
		f := &fleet{t: t, store: memory.NewStore(), db: db}

		old := f.startOlder("old")
		require.True(t, f.append())
		newer := f.startNewer("new")
		for range 4 { // without a value, they take turns
			before := []leader.State{old.Status().State, newer.Status().State}
			for _, p := range []program{old, newer} {
				require.NoError(t, p.StepDown(t.Context()))
			}
			require.True(t, f.append())
			require.NotEqual(t, before, []leader.State{old.Status().State, newer.Status().State})
		}
		old.stop()
		require.True(t, f.append(), "the newer one goes on where the older one stood")

		f.note = "a note of the newer version"
		require.NoError(t, newer.StepDown(t.Context())) // it sets the note when it leads again
		require.True(t, f.append())
		require.Equal(t, f.note, f.value())
		old = f.startOlder("old")
		newer.stop()
		require.False(t, f.append(), "the older one does not take a lease whose value it would lose")
		require.Equal(t, f.note, f.value())
		another := f.startNewer("another")
		require.True(t, f.append(), "another newer one goes on")
		require.Equal(t, f.note, f.value())

		f.note = "" // before a rollback
		require.NoError(t, another.StepDown(t.Context()))
		require.True(t, f.append())
		another.stop()
		require.True(t, f.append(), "the older one goes on")
		require.Equal(t, leader.Leading, old.Status().State)
		old.stop()

		all := look(t, db)
		require.True(t, all.ordered, "nothing twice, and in order")
		require.Len(t, all.times, 5*11)
	})
}
