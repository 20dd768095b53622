package events_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/cloudlease/leader/examples/catchup/events"
)

type source interface {
	events.Log
	Partition(partition int) events.Log
}

// Each event is in one partition, and a reader of it sees its events alone, in their order.
func TestPartitions(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) (*sql.DB, source){
		"PostgreSQL": func(t *testing.T) (*sql.DB, source) {
			db := store(t)
			return db, events.NewPostgresLog(db)
		},
		"SQLite": func(t *testing.T) (*sql.DB, source) {
			db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "db"))
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			exec(t, db, events.SQLiteSchema)
			return db, events.NewSQLiteLog(db)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, log := open(t)
			want := make([][]int64, events.Partitions)
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			for range 3 {
				for _, customer := range []string{"Ada", "Ben", "Cem", "Dag", "Eva"} {
					position, err := events.Append(t.Context(), tx, events.Event{Customer: customer})
					require.NoError(t, err)
					p := events.PartitionOf(customer)
					want[p] = append(want[p], position)
				}
			}
			require.NoError(t, tx.Commit())
			for p, positions := range want {
				require.Equal(t, positions, eventually(t, log.Partition(p), 0, len(positions)), p)
			}
			require.Len(t, eventually(t, log, 0, 15), 15)
		})
	}
}

// The readers of partitions share the marks, and none passes an open transaction, which may have appended to any of them.
func TestNoPartitionPassesAnOpenTransaction(t *testing.T) {
	t.Parallel()
	db := store(t)
	log, mine := events.NewPostgresLog(db), events.PartitionOf("Ada")
	readers := []events.Log{log.Partition(mine), log.Partition((mine + 1) % events.Partitions)}
	open, held := appending(t, db)
	later, position := appending(t, db)
	require.NoError(t, later.Commit())
	for until := time.Now().Add(time.Second / 4); time.Now().Before(until); { // longer than one reader leaves the mark to another
		for _, reader := range readers {
			require.Empty(t, settled(t, reader, 0))
		}
	}
	require.NoError(t, open.Commit())
	require.Equal(t, []int64{held, position}, eventually(t, readers[0], 0, 2))
	require.Empty(t, settled(t, readers[1], 0))
}
