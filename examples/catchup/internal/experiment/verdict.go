package experiment

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cloudlease/leader/checkpoint"
)

// introduce says what is going to happen.
func (s *story) introduce() {
	where := "SQLite"
	if s.database.postgres() {
		where = "PostgreSQL"
	}
	fmt.Fprintf(s.out, `Three worker processes follow a log of events in %s, which a producer appends to. Two leases of %v say who works:
  statement  writes an account's lines, with its position in the same database, fenced: each event exactly once
  search     fills a search index elsewhere, with its position in a checkpoint: each event at least once
Workers are killed, suspended and cut off. Seed %d.

%7s  %-4s  %-12s  %s
`, where, s.LeaseLength, s.Seed, "time", "node", "lease, token", "what happens")
}

// judge reads what is left, and prints the verdict as a table. Its error names the rules that were broken.
func (s *story) judge(did tally) error {
	e, err := collect(s.ctx, s.db)
	if err != nil {
		return err
	}
	saved, err := checkpoint.Inspect[int64](s.ctx, s.leases, searchLease)
	if err != nil {
		return err
	}
	all, repeated, changed := s.documents.look()
	e.documents, e.checkpoint = all, saved.Value
	s.sum(e, did, repeated)
	findings := append(e.verify(), finding{"search: a document that was put again has not changed", changed}, s.proves())
	var broken []error
	for _, f := range findings {
		verdict := "ok"
		if f.err != nil {
			verdict = "BROKEN: " + f.err.Error()
			broken = append(broken, fmt.Errorf("%s: %w", f.rule, f.err))
		}
		fmt.Fprintf(s.out, "  %-70s  %s\n", f.rule, verdict)
	}
	return errors.Join(broken...)
}

// sum prints what has happened, in numbers.
func (s *story) sum(e evidence, did tally, repeated int) {
	terms := map[uint64]bool{}
	for _, l := range e.lines {
		terms[l.token] = true
	}
	fmt.Fprintf(s.out, "\n%d events, of which the producer appended %d; %d of its transactions committed after a later one, %d were rolled back.\n",
		len(e.events), did.Appended, did.Late, did.RolledBack)
	for _, fault := range slices.Sorted(maps.Keys(s.faults)) {
		fmt.Fprintf(s.out, "  %-70s  %d\n", fault, s.faults[fault])
	}
	for _, count := range []struct {
		of string
		n  int
	}{
		{"terms that wrote lines of the statement", len(terms)},
		{"late transactions that the fence refused", s.refused},
		{"late COMMITs of transactions that were ended for the next claim", s.ended},
		{"documents that were put again", repeated},
	} {
		fmt.Fprintf(s.out, "  %-70s  %d\n", count.of, count.n)
	}
	fmt.Fprintln(s.out)
}

// proves is the finding that the run has proved something.
func (s *story) proves() finding {
	f := finding{rule: "the fence has refused a late write, at least once"}
	if s.refused == 0 {
		f.err = errors.New("it has not: the run proves nothing")
	}
	return f
}
