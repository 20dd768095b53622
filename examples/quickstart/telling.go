package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/cloudlease/leader/examples/internal/journal"
	"github.com/cloudlease/leader/examples/internal/nodes"
)

func (s *story) start(node string) error {
	pid, err := s.cluster.Start(node)
	if err == nil {
		s.line(node, 0, "starts, as process %d", pid)
	}
	return err
}

// await goes on until an event matches.
func (s *story) await(what string, match func(nodes.Event) bool) (nodes.Event, error) {
	ctx, cancel := s.within(what)
	defer cancel()
	return s.cluster.Await(ctx, s.see, match)
}

// within returns a context that ends when the patience does.
func (s *story) within(what string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(s.ctx, patience, fmt.Errorf("waited %v for %s", patience, what))
}

// rest waits for a while, and shows events.
func (s *story) rest(d time.Duration) error {
	ctx, cancel := context.WithTimeout(s.ctx, d)
	defer cancel()
	_, err := s.cluster.Await(ctx, s.see, func(nodes.Event) bool { return false })
	if ctx.Err() != nil && s.ctx.Err() == nil {
		return nil
	}
	return err
}

// see prints an event, unless it is of no interest.
func (s *story) see(e nodes.Event) {
	switch e.Did {
	case standsBy, released:
		s.say(e, "%s", e.Did)
	case leads:
		s.leader = e
		s.say(e, "leads")
	case stops:
		if e.Why != "" {
			s.say(e, "stops its work: %s", e.Why)
		}
	case returned:
		if e.Why != "" {
			s.say(e, "its work has returned; its term's Check says: %s", e.Why)
		}
	case nodes.Exited:
		s.say(e, "has ended: %s", e.Why)
	case renewed:
	default:
		s.say(e, "%s %s", e.Did, e.Why)
	}
}

// succeed waits until another leads, and notes how long that took.
func (s *story) succeed(before nodes.Event, after string, since time.Time, promised time.Duration) error {
	for s.leader.Token <= before.Token {
		if _, err := s.await("another leader", func(e nodes.Event) bool { return e.Did == leads }); err != nil {
			return err
		}
	}
	f := failover{after: after, from: before.Token, took: s.leader.At.Sub(since), promised: promised}
	s.failovers = append(s.failovers, f)
	s.remark("failover: %.2fs, or %.2f lease lengths (promised: at most %.2f)", f.took.Seconds(), inLengths(f.took), inLengths(promised))
	return nil
}

// nextLine waits until the journal has grown.
func (s *story) nextLine() error {
	size := func() int64 {
		info, err := os.Stat(s.journal)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	poll := time.NewTicker(writeEvery / 20)
	defer poll.Stop()
	for before, until := size(), time.Now().Add(patience); size() == before; {
		select {
		case <-poll.C:
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
		if time.Now().After(until) {
			return fmt.Errorf("waited %v for a line in %s", patience, s.journal)
		}
	}
	return nil
}

// written returns how many lines of a term the journal has.
func (s *story) written(token uint64) (lines int, err error) {
	entries, err := journal.Read(s.journal)
	for _, e := range entries {
		if e.Token == token {
			lines++
		}
	}
	return lines, err
}

// say prints what happens to a node.
func (s *story) say(e nodes.Event, format string, args ...any) {
	s.line(e.Node, e.Token, format, args...)
}

// remark prints a note.
func (s *story) remark(format string, args ...any) { s.line("", 0, "-- "+format, args...) }

func (s *story) line(node string, token uint64, format string, args ...any) {
	shown := ""
	if token != 0 {
		shown = fmt.Sprint(token)
	}
	fmt.Fprintf(s.out, "%6.2fs  %-4s  %-5s  %s\n", time.Since(s.began).Seconds(), node, shown, fmt.Sprintf(format, args...))
}

// inLengths returns a time in lease lengths.
func inLengths(d time.Duration) float64 { return float64(d) / float64(leaseLength) }
