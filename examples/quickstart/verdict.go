package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cloudlease/leader/examples/internal/journal"
)

// judge reads the journal and prints the verdict as a table. Its error names the rules that were broken.
func (s *story) judge() error {
	entries, err := journal.Read(s.journal)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\nThe journal: %d lines of %d terms.\n\n", len(entries), journal.Terms(entries))
	for _, f := range s.failovers {
		found := journal.Finding{Rule: fmt.Sprintf("leader %s: another led after %.2fs, at most %.2fs promised",
			f.after, f.took.Seconds(), f.promised.Seconds())}
		if f.took > f.promised+allowance {
			found.Err = fmt.Errorf("it took %.2f lease lengths", inLengths(f.took))
		}
		s.findings = append(s.findings, found)
	}
	return journal.Report(s.out, slices.Concat(verify(entries, s.allowed), s.findings))
}

// verify judges by the journal alone whether one node at a time wrote it. allowed is how long it may stand still between two
// consecutive lines.
func verify(entries []journal.Entry, allowed func(before, after journal.Entry) time.Duration) []journal.Finding {
	worked := journal.Finding{Rule: "the journal has lines"}
	if len(entries) == 0 {
		worked.Err = errors.New("the journal is empty")
	}
	findings := []journal.Finding{worked}
	for _, r := range journal.Rules {
		findings = append(findings, journal.Finding{Rule: r.Name, Err: r.Keep(entries)})
	}
	return append(findings, journal.Finding{Rule: "no longer pause than is promised", Err: journal.Pauses(entries, allowed)})
}

// allowed returns how long the journal may stand still between two lines.
func (s *story) allowed(before, after journal.Entry) time.Duration {
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
