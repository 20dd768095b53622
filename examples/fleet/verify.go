package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cloudlease/leader/examples/internal/journal"
)

// verify judges all journals. allowed is how long one may stand still between two consecutive lines.
func verify(journals map[string][]journal.Entry, parts int, allowed func(before, after journal.Entry) time.Duration) []journal.Finding {
	worked := journal.Finding{Rule: fmt.Sprintf("each of the %d parts was worked on", parts)}
	for i := range parts {
		if part := strconv.Itoa(i); len(journals[part]) == 0 {
			worked.Err = errors.Join(worked.Err, fmt.Errorf("the journal of part %s is empty", part))
		}
	}
	findings := []journal.Finding{worked}
	for _, r := range journal.Rules {
		findings = append(findings, journal.Finding{Rule: r.Name, Err: inAll(journals, r.Keep)})
	}
	return append(findings, journal.Finding{Rule: "no longer gap than FL1 and FL2 promise", Err: inAll(journals, func(entries []journal.Entry) error {
		return journal.Pauses(entries, allowed)
	})})
}

func inAll(journals map[string][]journal.Entry, keep func([]journal.Entry) error) error {
	var errs []error
	for part, entries := range journals {
		if err := keep(entries); err != nil {
			errs = append(errs, fmt.Errorf("part %s: %w", part, err))
		}
	}
	return errors.Join(errs...)
}

// longest returns the longest gap between two terms of a part whose second one began after the time.
func longest(journals map[string][]journal.Entry, since time.Time) (gap time.Duration) {
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
