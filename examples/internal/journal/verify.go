package journal

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// A Finding says whether the journals keep a rule.
type Finding struct {
	Rule string
	Err  error // the first violation; nil: none
}

// A Rule judges one journal by its lines alone.
type Rule struct {
	Name string
	Keep func([]Entry) error // returns the first violation
}

// Rules hold for every journal that one node at a time wrote.
var Rules = []Rule{
	{"no line of an older term after one of a newer", tokens},
	{"no two nodes with the same token", owners},
	{"numbers go on without gap or repeat", numbers},
}

// Broken returns all violations; nil: none.
func Broken(findings []Finding) error {
	var errs []error
	for _, f := range findings {
		if f.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.Rule, f.Err))
		}
	}
	return errors.Join(errs...)
}

// Report prints the findings as a table, and returns all violations.
func Report(out io.Writer, findings []Finding) error {
	for _, f := range findings {
		verdict := "ok"
		if f.Err != nil {
			verdict = "BROKEN: " + f.Err.Error()
		}
		fmt.Fprintf(out, "  %-70s  %s\n", f.Rule, verdict)
	}
	return Broken(findings)
}

func tokens(entries []Entry) error {
	newest := uint64(1) // 0 is no term's token
	for _, e := range entries {
		if e.Token < newest {
			return fmt.Errorf("%q comes after a line with token %d", e, newest)
		}
		newest = e.Token
	}
	return nil
}

func owners(entries []Entry) error {
	owner := map[uint64]string{}
	for _, e := range entries {
		if node, known := owner[e.Token]; known && node != e.Node {
			return fmt.Errorf("%q has the token of node %s", e, node)
		}
		owner[e.Token] = e.Node
	}
	return nil
}

func numbers(entries []Entry) error {
	next := uint64(1)
	for _, e := range entries {
		if e.Number != next {
			return fmt.Errorf("%q comes where number %d should", e, next)
		}
		next++
	}
	return nil
}

// Pauses judges whether a journal stands still for no longer than allowed between two consecutive lines.
func Pauses(entries []Entry, allowed func(before, after Entry) time.Duration) error {
	for i := 1; i < len(entries); i++ {
		before, after := entries[i-1], entries[i]
		if took, most := after.At.Sub(before.At), allowed(before, after); took > most {
			return fmt.Errorf("%q comes %.2fs after the line before it, and %.2fs are promised", after, took.Seconds(), most.Seconds())
		}
	}
	return nil
}
