package events

import (
	"context"
	"database/sql"
	"math"
)

// SQLiteSchema makes the table.
const SQLiteSchema = `
CREATE TABLE events (
	position  INTEGER PRIMARY KEY AUTOINCREMENT,
	partition INTEGER NOT NULL,
	customer  TEXT NOT NULL,
	cents     INTEGER NOT NULL
);
CREATE INDEX events_of ON events (partition, position)`

// SQLiteLog is a Log in SQLite, which has one writer at a time: positions are there in the order in which they were drawn.
type SQLiteLog struct {
	db        *sql.DB
	partition int
}

// NewSQLiteLog returns a reader.
func NewSQLiteLog(db *sql.DB) *SQLiteLog { return &SQLiteLog{db, all} }

// Partition returns a reader of one partition.
func (l *SQLiteLog) Partition(partition int) Log { return &SQLiteLog{l.db, partition} }

// Read implements Log.
func (l *SQLiteLog) Read(ctx context.Context, after int64, most int) ([]Event, error) {
	return between(ctx, l.db, l.partition, after, math.MaxInt64, most)
}
