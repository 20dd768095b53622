package experiment

import (
	"fmt"
	"slices"
)

// elections is the variant with two leases. The leader of each follows all events.
type elections struct{ *story }

func (s elections) works() []string { return []string{statementLease, searchLease} }

func (s elections) introduce() {
	fmt.Fprintf(s.out, `Three worker processes follow a log of events in %s, which a producer appends to. Two leases of %v say who works:
  statement  writes an account's lines, with its position in the same database, fenced: each event exactly once
  search     fills a search index elsewhere, with its position in a checkpoint: each event at least once
`, s.database, s.LeaseLength)
	s.heading()
}

func (s elections) acts() []func() error {
	acts := []func() error{func() error { return s.progress(20) }, s.freezeUntilRefused, s.kill, s.suspend, s.isolate}
	if s.database.postgres() {
		return append(acts, s.holdOpen, s.blind, s.commitLate)
	}
	s.remark("SQLite has one writer at a time, and no network: three acts are left out that PostgreSQL has")
	return acts
}

func (s elections) misfortunes() []func() error {
	faults := []func() error{s.kill, s.suspend, s.isolate, s.freeze}
	if s.database.postgres() {
		faults = append(faults, s.blind, s.commitLate, s.cut)
	}
	return faults
}

func (s elections) catchesUp() error {
	var last int64
	if err := s.db.QueryRowContext(s.ctx, `SELECT MAX(position) FROM events`).Scan(&last); err != nil {
		return err
	}
	if err := s.reaches(last); err != nil {
		return err
	}
	return s.until("the index to catch up", func() (bool, error) { return s.documents.last() >= last, nil })
}

func (s elections) judge(did tally) error {
	e, err := s.collect()
	if err != nil {
		return err
	}
	if err := e.readStatement(s.ctx, s.db); err != nil {
		return err
	}
	if err := s.follow(&e, searchLease, searchLease, e.events); err != nil {
		return err
	}
	terms := map[uint64]bool{}
	for _, l := range e.lines {
		terms[l.token] = true
	}
	s.sum(e, did, []count{
		{"terms that wrote lines of the statement", len(terms)},
		{"late transactions that the fence refused", s.refused},
		{"late COMMITs of transactions that were ended for the next claim", s.ended},
	})
	return s.conclude(slices.Concat(e.verifyStatement(), e.verifyIndex(),
		[]finding{s.unchanged(), proves("the fence has refused a late write, at least once", s.refused)}))
}
