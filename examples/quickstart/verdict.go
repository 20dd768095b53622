package main

import (
	"fmt"
	"slices"
	"time"
)

// judge reads the journal and prints the verdict as a table. Its error names the rules that were broken.
func (s *story) judge() error {
	entries, err := readJournal(s.cluster.journal())
	if err != nil {
		return err
	}
	terms := map[uint64]bool{}
	for _, e := range entries {
		terms[e.Token] = true
	}
	fmt.Fprintf(s.out, "\nThe journal: %d lines of %d terms.\n\n", len(entries), len(terms))
	for _, f := range s.failovers {
		found := finding{rule: fmt.Sprintf("leader %s: another led after %.2fs, at most %.2fs promised",
			f.after, f.took.Seconds(), f.promised.Seconds())}
		if f.took > f.promised+allowance {
			found.err = fmt.Errorf("it took %.2f lease lengths", inLengths(f.took))
		}
		s.findings = append(s.findings, found)
	}
	findings := slices.Concat(verify(entries, s.allowed), s.findings)
	for _, f := range findings {
		verdict := "ok"
		if f.err != nil {
			verdict = "BROKEN: " + f.err.Error()
		}
		fmt.Fprintf(s.out, "  %-70s  %s\n", f.rule, verdict)
	}
	return broken(findings)
}

// allowed returns how long the journal may stand still between two lines.
func (s *story) allowed(before, after entry) time.Duration {
	if before.Token == after.Token {
		return writeEvery + allowance
	}
	for _, f := range s.failovers {
		if f.from == before.Token {
			return f.promised + allowance
		}
	}
	return afterDeath + allowance // nobody did anything to that leader: the machine was too busy for it
}
