package events

import (
	"context"
	"database/sql"
	"sync"
	"time"
)

// PostgresSchema makes the table. Let programs INSERT and SELECT, and nothing else.
//
// A position is drawn by a transaction that has its ID already: see PostgresLog. A column that is an identity, or a BIGSERIAL,
// draws it before that.
const PostgresSchema = `
CREATE SEQUENCE events_position;
CREATE FUNCTION next_position() RETURNS BIGINT LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_current_xact_id();
	RETURN nextval('events_position');
END $$;
CREATE TABLE events (
	position  BIGINT PRIMARY KEY DEFAULT next_position(),
	partition INT NOT NULL,
	customer  TEXT NOT NULL,
	cents     BIGINT NOT NULL
);
CREATE INDEX events_of ON events (partition, position)`

// PostgresLog is a Log in PostgreSQL.
//
// Transactions commit in another order than they drew their positions. So event 8 may be there before event 7: a reader that goes
// on from 8 would miss 7. A number that is missing says nothing: it may be filled yet, or never be.
//
// So the reader makes a mark: the highest position that it can see, and a new transaction ID. A transaction that has drawn a
// position up to the mark's did so before, and so has an older ID. Once all transactions with an older ID have ended, nothing up to the
// mark can be filled any more. PostgreSQL says which is the oldest that has not ended.
//
// It costs nothing where events are appended, and the reader waits for the longest open transaction of the server. Two other ways, and
// why not: to append under one lock (pg_advisory_xact_lock) is simpler still, but appends wait for each other, and for one that
// hangs. To read in the order of transaction IDs needs no mark, but it is another order than that in which events were appended, and
// it ends when the database is restored on another server, whose IDs begin anew.
//
//   - https://www.postgresql.org/docs/17/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
//   - https://www.postgresql.org/docs/17/functions-sequence.html: nextval is never rolled back
type PostgresLog struct {
	db        *sql.DB
	partition int
	horizon   *horizon
}

// NewPostgresLog returns a reader.
func NewPostgresLog(db *sql.DB) *PostgresLog {
	return &PostgresLog{db, all, &horizon{db: db}}
}

// Partition returns a reader of one partition. Those of one PostgresLog share its marks: else each would draw transaction IDs.
func (l *PostgresLog) Partition(partition int) Log { return &PostgresLog{l.db, partition, l.horizon} }

// Read implements Log.
func (l *PostgresLog) Read(ctx context.Context, after int64, most int) ([]Event, error) {
	found, err := between(ctx, l.db, l.partition, after, l.horizon.look(), most)
	if err != nil || len(found) > 0 {
		return found, err
	}
	if err := l.horizon.advance(ctx, l); err != nil {
		return nil, err
	}
	return between(ctx, l.db, l.partition, after, l.horizon.look(), most)
}

// A horizon is how far readers may read. It is safe for concurrent use.
type horizon struct {
	db *sql.DB

	mu   sync.Mutex
	safe int64 // nothing up to here can be filled any more
	mark mark
	by   *PostgresLog // which advanced it last
	at   time.Time
}

type mark struct {
	position    int64
	transaction string // its ID; "": there is no mark
}

func (h *horizon) look() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.safe
}

// advance makes a mark, unless there is one, and goes up to it once all older transactions have ended. Until then it keeps that
// mark: with a new one each time, it would wait for ever where some transaction is always open. One reader advances it for all others.
func (h *horizon) advance(ctx context.Context, by *PostgresLog) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.by != by && time.Since(h.at) < 2*poll {
		return nil // what another reader has just found will do
	}
	if h.mark.transaction == "" {
		err := h.db.QueryRowContext(ctx, `SELECT COALESCE(MAX(position), 0), pg_current_xact_id()::text FROM events`).
			Scan(&h.mark.position, &h.mark.transaction)
		if err != nil {
			return err
		}
	}
	var ended bool
	err := h.db.QueryRowContext(ctx, `SELECT $1::text::xid8 < pg_snapshot_xmin(pg_current_snapshot())`, h.mark.transaction).Scan(&ended)
	if err == nil {
		h.by, h.at = by, time.Now()
		if ended {
			h.safe, h.mark = h.mark.position, mark{}
		}
	}
	return err
}
