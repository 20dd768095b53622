package experiment

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

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
	events    []events.Event // by position
	lines     []line         // in the order in which they were written
	position  int64          // of the statement
	documents map[int64]string
	followers map[string]follower // of the index, by lease
	workedOn  map[term][]string   // the nodes that worked under a token
}

// A follower has the events that the works of one lease have to apply to the index, and all that they left.
type follower struct {
	events     []events.Event
	puts       []put
	checkpoint int64
}

// A term is one of a lease.
type term struct {
	lease string
	token uint64
}

// readStatement reads what is in the database.
func (e *evidence) readStatement(ctx context.Context, db *sql.DB) error {
	if err := db.QueryRowContext(ctx, `SELECT position FROM statement_position`).Scan(&e.position); err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, `SELECT position, customer, cents, balance, token FROM statement ORDER BY line`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var l line
		if err := rows.Scan(&l.Position, &l.Customer, &l.Cents, &l.balance, &l.token); err != nil {
			return err
		}
		e.lines = append(e.lines, l)
	}
	return rows.Err()
}

// A finding says whether the evidence keeps a rule.
type finding struct {
	rule string
	err  error // the first violation; nil: none
}

// verifyStatement judges the statement by the evidence alone.
func (e evidence) verifyStatement() []finding {
	return []finding{
		{"statement: every event is applied exactly once, in order", e.exactlyOnce()},
		{"statement: no line of an older term after one of a newer", e.tokens()},
		{"statement: its position is that of the last line", e.agrees()},
		{"statement: every balance is the sum of the events before", e.balances()},
	}
}

// verifyIndex judges the index by the evidence alone.
func (e evidence) verifyIndex() []finding {
	return []finding{
		{"there are events", e.any()},
		{"search: every event has its document", e.indexed()},
		{"search: no event is passed over, and all come in their order", e.each(follower.ordered)},
		{"search: no document of an older term after one of a newer", e.each(follower.tokens)},
		{"search: no two nodes with the same token", e.owners()},
		{"search: its checkpoint is the last event", e.each(follower.saved)},
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
	var puts []put
	for _, l := range e.lines {
		puts = append(puts, put{l.Position, l.token})
	}
	return follower{puts: puts}.tokens()
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

// each judges the follower of each lease.
func (e evidence) each(keeps func(follower) error) error {
	var all []error
	for _, lease := range slices.Sorted(maps.Keys(e.followers)) {
		if err := keeps(e.followers[lease]); err != nil {
			all = append(all, fmt.Errorf("%s: %w", lease, err))
		}
	}
	return errors.Join(all...)
}

// ordered finds a document that does not follow the one before it. Those after a checkpoint may be put again.
func (f follower) ordered() error {
	at := map[int64]int{}
	for i, event := range f.events {
		at[event.Position] = i
	}
	last := -1
	for _, p := range f.puts {
		i, known := at[p.position]
		switch {
		case !known:
			return fmt.Errorf("event %d is not its own", p.position)
		case i > last+1:
			return fmt.Errorf("event %d is applied with token %d, where event %d was to come", p.position, p.token, f.events[last+1].Position)
		}
		last = i
	}
	return nil
}

func (f follower) tokens() error {
	newest := uint64(1) // 0 is no term's token
	for _, p := range f.puts {
		if p.token < newest {
			return fmt.Errorf("event %d was applied with token %d, after an event with token %d", p.position, p.token, newest)
		}
		newest = p.token
	}
	return nil
}

func (f follower) saved() error {
	var last int64
	for _, event := range f.events {
		last = event.Position
	}
	if f.checkpoint != last {
		return fmt.Errorf("it is %d, and the last event is %d", f.checkpoint, last)
	}
	return nil
}

// owners finds a token under which two nodes worked.
func (e evidence) owners() error {
	for term, nodes := range e.workedOn {
		if len(nodes) > 1 {
			return fmt.Errorf("nodes %v have worked under %q with token %d", nodes, term.lease, term.token)
		}
	}
	return nil
}
