package experiment

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Messages of the nodes' log that the story waits for.
const (
	begins     = "this node leads: the work begins"
	lostLease  = "the lease is lost, and this node leads no more: the work is told to stop"
	stepsDown  = "this node is to lead no more: the work is told to stop, and the lease is kept until it has"
	workFailed = "the work has failed: another node is to take it"
	goesOn     = "the projection goes on"
	indexes    = "the index goes on"

	sits        = "this node takes part in the fleet"
	lostSeat    = "this node has lost its seat: its parts go to others, and it takes another seat"
	coordinates = "this node is the coordinator"
	changes     = "this node's parts change"
	drains      = "this node drains: its parts go to others"
	partFailed  = "the work of the part has failed, and is begun again after a while"
)

// shown are the messages that the story shows, and how.
var shown = map[string]string{
	begins:     "leads",
	lostLease:  "has lost the lease",
	stepsDown:  "steps down",
	workFailed: "its work has failed",
	goesOn:     "has claimed the database, and goes on",
	indexes:    "has claimed the checkpoint, and goes on",

	sits:        "takes a seat",
	lostSeat:    "has lost its seat",
	coordinates: "is the coordinator",
	changes:     "its partitions change",
	drains:      "gives its partitions to others",
	partFailed:  "the work of a partition has failed",
}

func (s *story) start(name string) error {
	err := s.cluster.start(name)
	if err == nil {
		s.say(name, "", 0, "starts, as process %d", s.cluster.nodes[name].cmd.Process.Pid)
	}
	return err
}

// befall counts a fault, and returns the leader of the statement, which it befalls.
func (s *story) befall(fault string) (victim event) {
	s.faults["leaders "+fault]++
	return s.leaders[statementLease]
}

// await goes on until an event matches.
func (s *story) await(what string, match func(event) bool) (event, error) {
	ctx, cancel := context.WithTimeoutCause(s.ctx, patience, fmt.Errorf("waited %v for %s", patience, what))
	defer cancel()
	return s.cluster.await(ctx, s.see, match)
}

// rest waits for a while, and shows events.
func (s *story) rest(d time.Duration) error {
	ctx, cancel := context.WithTimeout(s.ctx, d)
	defer cancel()
	_, err := s.cluster.await(ctx, s.see, func(event) bool { return false })
	if ctx.Err() != nil && s.ctx.Err() == nil {
		return nil
	}
	return err
}

// until asks again and again, and shows events meanwhile.
func (s *story) until(what string, done func() (bool, error)) error {
	for deadline := time.Now().Add(patience); ; {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %v for %s", patience, what)
		}
		if err := s.rest(20 * time.Millisecond); err != nil {
			return err
		}
	}
}

// position returns that of the projection.
func (s *story) position() (position int64, err error) {
	err = s.db.QueryRowContext(s.ctx, `SELECT position FROM statement_position`).Scan(&position)
	return position, err
}

// reaches waits until the projection has reached a position.
func (s *story) reaches(position int64) error {
	return s.until(fmt.Sprintf("the projection to reach event %d", position), func() (bool, error) {
		now, err := s.position()
		return now >= position, err
	})
}

// progress waits until the projection has gone on by some positions.
func (s *story) progress(by int64) error {
	now, err := s.position()
	if err != nil {
		return err
	}
	return s.reaches(now + by)
}

// hold holds the leader of the statement at a point of its loop. It reports whether that one leads still when it is held.
func (s *story) hold(leader event, at string) (held bool, err error) {
	n := s.cluster.nodes[leader.node]
	if err := n.tell(holdCommand + at); err != nil {
		return false, err
	}
	e, err := s.await("node "+leader.node+" to come to its "+at, func(e event) bool {
		return e.node == leader.node && e.Msg == messageHeld || s.leaders[statementLease].Token > leader.Token
	})
	if err != nil || e.Msg == messageHeld {
		return err == nil, err
	}
	return false, n.tell(releaseCommand) // another one leads by now: this is a slow machine
}

// succeeded waits until the projection of a later term than the victim's has claimed, gone on from where that one stood, and made
// progress.
func (s *story) succeeded(victim event) error {
	for s.leaders[statementLease].Token <= victim.Token {
		if _, err := s.await("another leader", func(e event) bool { return e.Msg == goesOn }); err != nil {
			return err
		}
	}
	return s.progress(1)
}

// see prints an event, unless it is of no interest, and keeps who leads: a work that goes on has begun, and claimed.
func (s *story) see(e event) {
	if (e.Msg == goesOn || e.Msg == indexes) && e.Token > s.leaders[e.Lease].Token {
		s.leaders[e.Lease] = e
	}
	if of := (term{e.Lease, e.Token}); e.Msg == indexes && !slices.Contains(s.workedOn[of], e.node) {
		s.workedOn[of] = append(s.workedOn[of], e.node)
	}
	text, known := shown[e.Msg]
	switch {
	case e.ends:
		s.say(e.node, "", 0, "has ended: %s", e.Msg)
	case !known || strings.HasPrefix(e.Lease, partPrefix): // there are many
	case e.Msg == changes:
		s.sayOf(e, "%s: it gets %d and gives %d, and has %d", text, e.Taken, e.Given, e.Has)
	case e.Msg == goesOn || e.Msg == indexes:
		s.sayOf(e, "%s after event %d", text, e.Position)
	case e.Err+e.Cause != "":
		why, _, _ := strings.Cut(e.Err+e.Cause, ": http") // the request that failed
		s.sayOf(e, "%s: %s", text, why)
	default:
		s.sayOf(e, "%s", text)
	}
}

// sayOf prints what happens to a leader.
func (s *story) sayOf(e event, format string, args ...any) {
	s.say(e.node, e.Lease, e.Token, format, args...)
}

// remark prints a note.
func (s *story) remark(format string, args ...any) { s.say("", "", 0, "-- "+format, args...) }

func (s *story) say(node, lease string, token uint64, format string, args ...any) {
	of := ""
	if lease != "" {
		of = lease
		if token != 0 {
			of = fmt.Sprintf("%s %d", lease, token)
		}
	}
	fmt.Fprintf(s.out, "%6.2fs  %-4s  %-12s  %s\n", time.Since(s.began).Seconds(), node, of, fmt.Sprintf(format, args...))
}
