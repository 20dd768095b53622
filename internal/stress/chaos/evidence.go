package chaos

import (
	"bufio"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"time"
)

// Evidence sums up a journal.
type Evidence struct {
	Effects, Terms int
	Refused        int // writes that the register refused, as their token was too old
	Failed         int // writes that found the register busy

	// Overlaps are effects of an older term that ended after an effect of a newer one had begun: they came too late. Slept
	// counts those whose Check was nil, so the process did not run between the check and the effect. Careless counts those
	// of processes that ignored Check.
	Slept, Careless int
}

// reign is a term as the journal shows it.
type reign struct {
	process     string
	held        bool // Check was nil at least once
	first, last time.Duration
	begun       time.Duration // the first effect, whatever Check returned
}

// ReadJournal reads a journal. It returns an error that tells the first broken promise, S1 or S2.
//
// S1 is broken if the term of a smaller token held when that of a greater one did. A term holds from its beginning to the
// last Check that was nil, which returned after it was called. So S1 is broken if any such Check of the older term was called
// after the first of the newer term. This needs no slack, and gives none.
func ReadJournal(path string) (Evidence, error) {
	terms := map[uint64]*reign{}
	var e Evidence
	for effect, err := range effects(path) {
		if err != nil {
			return e, err
		}
		e.Effects++
		switch effect.Verdict {
		case Refused:
			e.Refused++
		case Failed:
			e.Failed++
		}
		if err := enter(terms, effect); err != nil {
			return e, err
		}
	}
	e.Terms = len(terms)
	if err := apart(terms); err != nil {
		return e, err
	}
	next := successors(terms)
	for effect, err := range effects(path) {
		if err != nil {
			return e, err
		}
		if from, ok := next[effect.Token]; ok && effect.Ended > from {
			if effect.Held {
				e.Slept++
			} else {
				e.Careless++
			}
		}
	}
	return e, nil
}

func enter(terms map[uint64]*reign, e Effect) error {
	r := terms[e.Token]
	if r == nil {
		r = &reign{process: e.Process, begun: e.Begun}
		terms[e.Token] = r
	}
	if r.process != e.Process {
		return fmt.Errorf("S2: %s and %s both have token %d", r.process, e.Process, e.Token)
	}
	r.begun = min(r.begun, e.Begun)
	if e.Held {
		if !r.held {
			r.held, r.first = true, e.Asked
		}
		r.first, r.last = min(r.first, e.Asked), max(r.last, e.Asked)
	}
	return nil
}

// apart returns an error unless each term that held did so after all terms with smaller tokens.
func apart(terms map[uint64]*reign) error {
	var last *reign
	var token uint64
	var errs []error
	for _, t := range slices.Sorted(maps.Keys(terms)) {
		r := terms[t]
		if !r.held {
			continue
		}
		if last != nil && last.last >= r.first {
			errs = append(errs, fmt.Errorf("S1: the term of token %d (%s) held %v after that of token %d (%s) did",
				token, last.process, last.last-r.first, t, r.process))
		}
		if last == nil || r.last > last.last {
			last, token = r, t
		}
	}
	return errors.Join(errs...)
}

// successors returns, for each token, when the first effect of any greater token began.
func successors(terms map[uint64]*reign) map[uint64]time.Duration {
	next := map[uint64]time.Duration{}
	var earliest time.Duration
	for i, token := range slices.Backward(slices.Sorted(maps.Keys(terms))) {
		if begun := terms[token].begun; i == len(terms)-1 {
			earliest = begun
		} else {
			next[token] = earliest
			earliest = min(earliest, begun)
		}
	}
	return next
}

// effects yields the journal's effects as they were written: in the order in which they ended, but for processes that were
// suspended before they wrote.
func effects(path string) iter.Seq2[Effect, error] {
	return func(yield func(Effect, error) bool) {
		journal, err := os.Open(path)
		if err != nil {
			yield(Effect{}, err)
			return
		}
		defer journal.Close()
		lines := bufio.NewScanner(journal)
		for n := 1; lines.Scan(); n++ {
			e, err := parseEffect(lines.Text())
			if err != nil {
				err = fmt.Errorf("%s: line %d: %w", path, n, err)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Effect{}, err)
		}
	}
}
