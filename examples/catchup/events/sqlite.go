package events

import (
	"context"
	"database/sql"
	"math"
)

// SQLiteSchema makes the table.
const SQLiteSchema = `
CREATE TABLE events (
	position INTEGER PRIMARY KEY AUTOINCREMENT,
	customer TEXT NOT NULL,
	cents    INTEGER NOT NULL
)`

// SQLiteLog is a Log in SQLite, which has one writer at a time: positions are there in the order in which they were drawn.
type SQLiteLog struct{ db *sql.DB }

// NewSQLiteLog returns a reader.
func NewSQLiteLog(db *sql.DB) *SQLiteLog { return &SQLiteLog{db} }

// Read implements Log.
func (l *SQLiteLog) Read(ctx context.Context, after int64, most int) ([]Event, error) {
	return between(ctx, l.db, after, math.MaxInt64, most)
}
