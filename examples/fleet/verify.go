package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// A finding says whether the journals keep a rule.
type finding struct {
	rule string
	err  error // the first violation; nil: none
}

// pause returns how long a journal may stand still between two consecutive lines.
type pause func(before, after entry) time.Duration

// rules judge one journal by its lines alone: whether one node at a time wrote it.
var rules = []struct {
	name string
	keep func([]entry) error
}{
	{"no line of an older term after one of a newer", tokens},
	{"no two nodes with the same token", owners},
	{"numbers go on without gap or repeat", numbers},
}

// verify judges all journals.
func verify(journals map[string][]entry, parts int, allowed pause) []finding {
	worked := finding{rule: fmt.Sprintf("each of the %d parts was worked on", parts)}
	for i := range parts {
		if part := strconv.Itoa(i); len(journals[part]) == 0 {
			worked.err = errors.Join(worked.err, fmt.Errorf("the journal of part %s is empty", part))
		}
	}
	findings := []finding{worked}
	for _, r := range rules {
		findings = append(findings, finding{r.name, inAll(journals, r.keep)})
	}
	return append(findings, finding{"no longer gap than FL1 and FL2 promise", inAll(journals, func(entries []entry) error {
		return pauses(entries, allowed)
	})})
}

func inAll(journals map[string][]entry, keep func([]entry) error) error {
	var errs []error
	for part, entries := range journals {
		if err := keep(entries); err != nil {
			errs = append(errs, fmt.Errorf("part %s: %w", part, err))
		}
	}
	return errors.Join(errs...)
}

// broken returns all violations; nil: none.
func broken(findings []finding) error {
	var errs []error
	for _, f := range findings {
		if f.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.rule, f.err))
		}
	}
	return errors.Join(errs...)
}

func tokens(entries []entry) error {
	newest := uint64(1) // 0 is no term's token
	for _, e := range entries {
		if e.Token < newest {
			return fmt.Errorf("%q comes after a line with token %d", e, newest)
		}
		newest = e.Token
	}
	return nil
}

func owners(entries []entry) error {
	owner := map[uint64]string{}
	for _, e := range entries {
		if node, known := owner[e.Token]; known && node != e.Node {
			return fmt.Errorf("%q has the token of node %s", e, node)
		}
		owner[e.Token] = e.Node
	}
	return nil
}

func numbers(entries []entry) error {
	next := uint64(1)
	for _, e := range entries {
		if e.Number != next {
			return fmt.Errorf("%q comes where number %d should", e, next)
		}
		next++
	}
	return nil
}

func pauses(entries []entry, allowed pause) error {
	for i := 1; i < len(entries); i++ {
		before, after := entries[i-1], entries[i]
		if took, most := after.At.Sub(before.At), allowed(before, after); took > most {
			return fmt.Errorf("%q comes %.2fs after the line before it, and %.2fs are promised", after, took.Seconds(), most.Seconds())
		}
	}
	return nil
}

// longest returns the longest gap between two terms of a part whose second one began after the time.
func longest(journals map[string][]entry, since time.Time) (gap time.Duration) {
	for _, entries := range journals {
		for i := 1; i < len(entries); i++ {
			before, after := entries[i-1], entries[i]
			if before.Token != after.Token && after.At.After(since) {
				gap = max(gap, after.At.Sub(before.At))
			}
		}
	}
	return gap
}
