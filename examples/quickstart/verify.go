package main

import (
	"errors"
	"fmt"
	"time"
)

// A finding says whether the journal keeps a rule.
type finding struct {
	rule string
	err  error // the first violation; nil: none
}

// pause returns how long the journal may stand still between two consecutive lines.
type pause func(before, after entry) time.Duration

// verify judges by the journal alone whether one node at a time wrote it.
func verify(entries []entry, allowed pause) []finding {
	return []finding{
		{"the journal has lines", worked(entries)},
		{"no line of an older term after one of a newer", tokens(entries)},
		{"no two nodes with the same token", owners(entries)},
		{"numbers go on without gap or repeat", numbers(entries)},
		{"no longer pause than is promised", pauses(entries, allowed)},
	}
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

func worked(entries []entry) error {
	if len(entries) == 0 {
		return errors.New("the journal is empty")
	}
	return nil
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
