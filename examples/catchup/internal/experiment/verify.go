package experiment

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/cloudlease/leader/examples/catchup/events"
)

// A line is one of the statement's.
type line struct {
	events.Event
	balance int64
	token   uint64 // of the term that wrote it
}

// evidence is all that the run has left.
type evidence struct {
	events     []events.Event // by position
	lines      []line         // in the order in which they were written
	position   int64          // of the statement
	documents  map[int64]string
	checkpoint int64 // of the index
}

// collect reads what is in the database.
func collect(ctx context.Context, db *sql.DB) (e evidence, err error) {
	e.events, err = events.NewSQLiteLog(db).Read(ctx, 0, math.MaxInt32) // nothing is open any more
	if err != nil {
		return e, err
	}
	if err := db.QueryRowContext(ctx, `SELECT position FROM statement_position`).Scan(&e.position); err != nil {
		return e, err
	}
	rows, err := db.QueryContext(ctx, `SELECT position, customer, cents, balance, token FROM statement ORDER BY line`)
	if err != nil {
		return e, err
	}
	defer rows.Close()
	for rows.Next() {
		var l line
		if err := rows.Scan(&l.Position, &l.Customer, &l.Cents, &l.balance, &l.token); err != nil {
			return e, err
		}
		e.lines = append(e.lines, l)
	}
	return e, rows.Err()
}

// A finding says whether the evidence keeps a rule.
type finding struct {
	rule string
	err  error // the first violation; nil: none
}

// verify judges by the evidence alone.
func (e evidence) verify() []finding {
	return []finding{
		{"there are events", e.any()},
		{"statement: every event is applied exactly once, in order", e.exactlyOnce()},
		{"statement: no line of an older term after one of a newer", e.tokens()},
		{"statement: its position is that of the last line", e.agrees()},
		{"statement: every balance is the sum of the events before", e.balances()},
		{"search: every event has its document", e.indexed()},
		{"search: its checkpoint is the last event", e.saved()},
	}
}

func (e evidence) any() error {
	if len(e.events) == 0 {
		return errors.New("there are none")
	}
	return nil
}

func (e evidence) exactlyOnce() error {
	for i := range max(len(e.lines), len(e.events)) {
		switch {
		case i == len(e.lines):
			return fmt.Errorf("event %d is not applied, nor are those after it", e.events[i].Position)
		case i == len(e.events):
			return fmt.Errorf("line %d applies event %d, and all events were applied before", i+1, e.lines[i].Position)
		case e.lines[i].Event != e.events[i]:
			return fmt.Errorf("line %d applies %v, where %v was to come", i+1, e.lines[i].Event, e.events[i])
		}
	}
	return nil
}

func (e evidence) tokens() error {
	newest := uint64(1) // 0 is no term's token
	for _, l := range e.lines {
		if l.token < newest {
			return fmt.Errorf("event %d was applied with token %d, after an event with token %d", l.Position, l.token, newest)
		}
		newest = l.token
	}
	return nil
}

func (e evidence) agrees() error {
	var last int64
	if len(e.lines) > 0 {
		last = e.lines[len(e.lines)-1].Position
	}
	if e.position != last {
		return fmt.Errorf("the position is %d, and the last line applies event %d", e.position, last)
	}
	return nil
}

func (e evidence) balances() error {
	balance := map[string]int64{}
	for _, l := range e.lines {
		balance[l.Customer] += l.Cents
		if l.balance != balance[l.Customer] {
			return fmt.Errorf("after event %d, the balance of %s is %d, and was to be %d", l.Position, l.Customer, l.balance, balance[l.Customer])
		}
	}
	return nil
}

func (e evidence) indexed() error {
	for _, event := range e.events {
		var indexed events.Event
		if err := json.Unmarshal([]byte(e.documents[event.Position]), &indexed); err != nil || indexed != event {
			return fmt.Errorf("the document of event %d is %q", event.Position, e.documents[event.Position])
		}
	}
	if len(e.documents) != len(e.events) {
		return fmt.Errorf("there are %d events, and %d documents", len(e.events), len(e.documents))
	}
	return nil
}

func (e evidence) saved() error {
	var last int64
	for _, event := range e.events {
		last = event.Position
	}
	if e.checkpoint != last {
		return fmt.Errorf("it is %d, and the last event is %d", e.checkpoint, last)
	}
	return nil
}
