// Package events is an event store in a SQL table, append-only: each event has a global position, and a reader follows them in the
// order of their positions: all of them, or those of one partition.
package events

import (
	"context"
	"database/sql"
	"hash/fnv"
	"time"
)

// An Event says that a customer's account has changed.
type Event struct {
	Position int64 // from 1; numbers of transactions that were rolled back are missing
	Customer string
	Cents    int64
}

// Partitions is how many partitions there are. A customer's events are all in one, in their order. Each event keeps its partition, so
// to change the number is to append the events again.
const Partitions = 12

// PartitionOf returns the partition of a customer's events.
func PartitionOf(customer string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(customer)) // no error
	return int(h.Sum32() % Partitions)
}

// all is no partition: a reader of all events.
const all = -1

// A Log reads events. It is for one goroutine.
type Log interface {
	// Read returns the first events after a position, at most so many; none if there are none yet. It passes no position that may
	// yet be filled: a reader that goes on from the last event misses none.
	Read(ctx context.Context, after int64, most int) ([]Event, error)
}

const (
	most = 100                   // events in a batch
	poll = 50 * time.Millisecond // how often to look for events when there are none
)

// Next returns the next events after a position. It waits until there are some.
func Next(ctx context.Context, log Log, after int64) ([]Event, error) {
	for {
		batch, err := log.Read(ctx, after, most)
		if err != nil || len(batch) > 0 {
			return batch, err
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Append appends an event in a transaction, which may have other effects. It returns the event's position.
func Append(ctx context.Context, tx *sql.Tx, e Event) (position int64, err error) {
	err = tx.QueryRowContext(ctx, `INSERT INTO events (partition, customer, cents) VALUES ($1, $2, $3) RETURNING position`,
		PartitionOf(e.Customer), e.Customer, e.Cents).Scan(&position)
	return position, err
}

// between returns the first events of a partition after a position, up to another one.
func between(ctx context.Context, db *sql.DB, partition int, after, last int64, most int) (found []Event, err error) {
	where, values := `position > $1 AND position <= $2`, []any{after, last, most}
	if partition != all {
		where, values = where+` AND partition = $4`, append(values, partition)
	}
	rows, err := db.QueryContext(ctx, `SELECT position, customer, cents FROM events WHERE `+where+` ORDER BY position LIMIT $3`, values...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var e Event
		if err := rows.Scan(&e.Position, &e.Customer, &e.Cents); err != nil {
			return nil, err
		}
		found = append(found, e)
	}
	return found, rows.Err()
}
