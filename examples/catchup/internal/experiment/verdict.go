package experiment

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/examples/catchup/events"
)

// heading comes after the introduction.
func (s *story) heading() {
	fmt.Fprintf(s.out, "Workers are killed, suspended and cut off. Seed %d.\n\n%7s  %-4s  %-12s  %s\n", s.Seed, "time", "node", "lease, token", "what happens")
}

// collect returns the evidence that all variants have.
func (s *story) collect() (e evidence, err error) {
	e = evidence{followers: map[string]follower{}, workedOn: s.workedOn}
	e.documents, _ = s.documents.look()
	e.events, err = events.NewSQLiteLog(s.db).Read(s.ctx, 0, math.MaxInt32) // nothing is open any more
	return e, err
}

// follow adds what the works of a lease had to apply to the index, and have left.
func (s *story) follow(e *evidence, lease, saved string, follows []events.Event) error {
	info, err := checkpoint.Inspect[int64](s.ctx, s.leases, saved)
	if err != nil {
		return err
	}
	_, puts := s.documents.look()
	e.followers[lease] = follower{follows, puts[lease], info.Value}
	return nil
}

// A count is a line of the summary.
type count struct {
	of string
	n  int
}

// sum prints what has happened, in numbers.
func (s *story) sum(e evidence, did tally, counts []count) {
	_, repeated, _ := s.documents.counts()
	fmt.Fprintf(s.out, "\n%d events, of which the producer appended %d; %d of its transactions committed after a later one, %d were rolled back.\n",
		len(e.events), did.Appended, did.Late, did.RolledBack)
	for _, fault := range slices.Sorted(maps.Keys(s.faults)) {
		fmt.Fprintf(s.out, "  %-70s  %d\n", fault, s.faults[fault])
	}
	for _, c := range append(counts, count{"documents that were put again", repeated}) {
		fmt.Fprintf(s.out, "  %-70s  %d\n", c.of, c.n)
	}
	fmt.Fprintln(s.out)
}

// conclude prints the verdict as a table. Its error names the rules that were broken.
func (s *story) conclude(findings []finding) error {
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

// unchanged is the finding that a repeated document does no harm.
func (s *story) unchanged() finding {
	_, _, changed := s.documents.counts()
	return finding{"search: a document that was put again has not changed", changed}
}

// proves is the finding that the run has proved something.
func proves(rule string, times int) finding {
	f := finding{rule: rule}
	if times == 0 {
		f.err = errors.New("it has not: the run proves nothing")
	}
	return f
}
