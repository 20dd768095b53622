package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cloudlease/leader/examples/internal/journal"
	"github.com/cloudlease/leader/examples/internal/nodes"
)

// start starts a node, which is to have parts.
func (s *story) start() (string, error) {
	node := string(rune('a' + s.names))
	s.names++
	pid, err := s.site.Start(node)
	if err == nil {
		s.balance.crew[node] = true
		s.say(node, "starts, as process %d", pid)
	}
	return node, err
}

// crew returns the names of the nodes that are to have parts, in order.
func (s *story) crew() []string { return slices.Sorted(maps.Keys(s.balance.crew)) }

// await goes on until done says so.
func (s *story) await(what string, done func(nodes.Event) bool) error {
	ctx, cancel := s.within(what)
	defer cancel()
	_, err := s.site.Await(ctx, s.see, done)
	return err
}

// within returns a context that ends when the patience does.
func (s *story) within(what string) (context.Context, context.CancelFunc) {
	within := s.afterCoordinator() + patience
	return context.WithTimeoutCause(s.ctx, within, fmt.Errorf("waited %v for %s: %v", within, what, s.balance))
}

// see takes note of an event, and prints it unless it is of no interest.
func (s *story) see(e nodes.Event) {
	switch e.Did {
	case begins:
		s.balance.begins(e.Node, e.Part, e.Token)
	case sits:
	case nodes.Exited:
		s.say(e.Node, "has ended: %s", e.Why)
	case coordinate:
		s.say(e.Node, "%s", e.Did)
	default:
		s.say(e.Node, "%s: %s", e.Did, e.Why)
	}
}

// opens begins an act.
func (s *story) opens(what string, promised time.Duration) {
	s.moved = s.balance.moves
	s.acts = append(s.acts, act{what: what, began: time.Now(), promised: promised})
}

// settles waits until the fleet is in balance, which ends the act, and tells what it took beside the least possible.
func (s *story) settles(least int) error {
	for !s.balance.settled() {
		if err := s.await("balance", func(nodes.Event) bool { return s.balance.settled() }); err != nil {
			return err
		}
	}
	a := &s.acts[len(s.acts)-1]
	if err := s.written(); err != nil {
		return err
	}
	a.ended = time.Now()
	journals, err := s.journals()
	if err != nil {
		return err
	}
	s.remark("balance: %v, after %.1fs", s.balance, a.ended.Sub(a.began).Seconds())
	moves := fmt.Sprintf("moves: %d, the least possible is %d", s.balance.moves-s.moved, least)
	if gap := longest(journals, a.began); gap > 0 {
		moves += fmt.Sprintf("; a part stood still for %.1fs at most (promised: %.1fs)", gap.Seconds(), a.promised.Seconds())
	}
	s.remark("%s", moves)
	return nil
}

// written waits until the latest term of each part has written to its journal.
func (s *story) written() error {
	for part, token := range s.balance.token {
		claimed := func() bool {
			entries, err := journal.Read(s.site.journal(part))
			return err == nil && len(entries) > 0 && entries[len(entries)-1].Token >= token
		}
		for by, poll := time.Now().Add(patience), time.NewTicker(10*time.Millisecond); !claimed(); {
			select {
			case <-poll.C:
			case <-s.ctx.Done():
				return context.Cause(s.ctx)
			}
			if time.Now().After(by) {
				return fmt.Errorf("waited %v for a line with token %d in the journal of part %s", patience, token, part)
			}
		}
	}
	return nil
}

// judge reads the journals and prints the verdict as a table. Its error names the rules that were broken.
func (s *story) judge() error {
	journals, err := s.journals()
	if err != nil {
		return err
	}
	lines, terms := 0, 0
	for _, entries := range journals {
		lines, terms = lines+len(entries), terms+journal.Terms(entries)
	}
	fmt.Fprintf(s.out, "\nThe journals: %d lines of %d terms.\n\n", lines, terms)
	findings := append(verify(journals, s.site.parts, s.allowed), s.late(journals))
	return journal.Report(s.out, findings)
}

// allowed returns how long a journal may stand still between two lines.
func (s *story) allowed(before, after journal.Entry) time.Duration {
	for _, a := range s.acts {
		if after.At.After(a.began) && before.At.Before(a.ended) && a.promised > s.afterDeath() {
			return a.promised + s.allowance()
		}
	}
	return s.afterDeath() + s.allowance()
}

// late tries to write to each journal with the token of its first term, as a process would that has slept all the time.
func (s *story) late(journals map[string][]journal.Entry) journal.Finding {
	f := journal.Finding{Rule: "a late line of an old term is refused"}
	for part, entries := range journals {
		if len(entries) == 0 {
			continue // verify tells
		}
		if first := entries[0]; first.Token < entries[len(entries)-1].Token {
			w, err := claimJournal(s.site.journal(part), first.Token, first.Node)
			if !errors.Is(err, errLate) {
				f.Err = errors.Join(f.Err, err, fmt.Errorf("part %s: token %d was let in after token %d", part, first.Token, entries[len(entries)-1].Token))
			}
			if w != nil {
				_ = w.Close()
			}
		}
	}
	return f
}

// say prints what happens to a node.
func (s *story) say(node, format string, args ...any) {
	fmt.Fprintf(s.out, "%6.2fs  %-4s  %s\n", time.Since(s.began).Seconds(), node, fmt.Sprintf(format, args...))
}

// remark prints a note.
func (s *story) remark(format string, args ...any) { s.say("", "-- "+format, args...) }
