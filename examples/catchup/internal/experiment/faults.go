package experiment

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cloudlease/leader/examples/catchup/events"
)

// kill ends the leader as a crash does, and starts it again once another one leads.
func (s *story) kill() error {
	victim := s.befall("killed")
	s.sayOf(victim, "is killed (SIGKILL)")
	n := s.cluster.nodes[victim.node]
	if err := n.kill(); err != nil {
		return err
	}
	if _, err := s.await("its end", func(e event) bool { return e.ends && e.node == victim.node }); err != nil {
		return err
	}
	if err := s.start(victim.node); err != nil { // it is another candidate
		return err
	}
	return s.succeeded(victim)
}

// suspend stops the leader's process at a random point for longer than its lease, and lets it go on while another leads.
func (s *story) suspend() error {
	if !canSuspend {
		return nil
	}
	victim := s.befall("suspended")
	n := s.cluster.nodes[victim.node]
	if !s.database.postgres() { // nobody ends the transaction of a process that sleeps in one
		if held, err := s.hold(victim, atBegin); err != nil || !held {
			return err
		}
		defer n.tell(releaseCommand)
	}
	s.sayOf(victim, "is suspended (SIGSTOP)")
	if err := n.suspend(); err != nil {
		return err
	}
	if err := s.succeeded(victim); err != nil {
		return err
	}
	s.sayOf(victim, "is woken (SIGCONT)")
	return n.resume()
}

// isolate cuts the leader off from the lease store, but not from the database.
func (s *story) isolate() error {
	victim := s.befall("cut off from the lease store")
	s.sayOf(victim, "is cut off from the lease store, and reaches the database")
	n := s.cluster.nodes[victim.node]
	n.isolate()
	defer n.heal()
	return s.succeeded(victim)
}

// blind cuts the leader off from the database, but not from the lease store.
func (s *story) blind() error {
	victim := s.befall("cut off from the database")
	s.sayOf(victim, "is cut off from the database, and reaches the lease store")
	n := s.cluster.nodes[victim.node]
	n.database.silence()
	defer n.heal()
	return s.succeeded(victim)
}

// cut closes the leader's connections to the database, once.
func (s *story) cut() error {
	victim := s.befall("disconnected from the database")
	s.sayOf(victim, "its connections to the database are closed")
	s.cluster.nodes[victim.node].database.cut()
	return s.progress(1)
}

// freezeUntilRefused lets the leader be frozen until the fence has refused it at least once.
func (s *story) freezeUntilRefused() error {
	const tries = 10
	for range tries {
		if err := s.freeze(); err != nil || s.refused > 0 {
			return err
		}
	}
	return fmt.Errorf("the fence has refused nothing: in %d tries, each frozen node has lost its lease before it came to the database", tries)
}

// freeze suspends the leader between its reading and its writing, and its clocks with it: as a virtual machine that is paused, or
// restored from a snapshot. When it goes on, its lease still holds as far as it can tell. Nothing but the fence stops it.
func (s *story) freeze() error {
	victim := s.befall("paused with its clocks")
	if held, err := s.hold(victim, atBegin); err != nil || !held {
		return err
	}
	n := s.cluster.nodes[victim.node]
	defer n.heal()
	n.isolate() // when it goes on, no answer tells it about the other one
	if err := n.tell(freezeCommand); err != nil {
		return err
	}
	if _, err := s.await("its clocks to stop", func(e event) bool { return e.node == victim.node && e.Msg == messageFrozen }); err != nil {
		return err
	}
	s.sayOf(victim, "is paused between its reading and its writing, and its clocks stand still, as those of a virtual machine")
	if canSuspend {
		if err := n.suspend(); err != nil {
			return err
		}
	}
	if err := s.succeeded(victim); err != nil {
		return err
	}
	s.sayOf(victim, "goes on: to its clocks, no time has passed, and it still holds the lease")
	if canSuspend {
		if err := n.resume(); err != nil {
			return err
		}
	}
	if err := n.tell(thawCommand); err != nil {
		return err
	}
	if err := n.tell(releaseCommand); err != nil {
		return err
	}
	e, err := s.await("its work to return", func(e event) bool {
		return e.node == victim.node && e.Lease == statementLease && (e.Msg == workFailed || e.Msg == lostLease)
	})
	if strings.Contains(e.Err, "claimed by a later term") {
		s.refused++
	}
	return err
}

// commitLate cuts the leader off from the database when its COMMIT is on the way, and suspends it. The COMMIT arrives after the
// next term has claimed: the database has ended that transaction, or else the claim would still wait.
func (s *story) commitLate() error {
	if !canSuspend {
		return nil
	}
	victim := s.befall("late with a COMMIT")
	if held, err := s.hold(victim, atCommit); err != nil || !held {
		return err
	}
	n := s.cluster.nodes[victim.node]
	defer n.heal()
	kept := n.database.silenceUntil("commit")
	if err := n.tell(releaseCommand); err != nil {
		return err
	}
	select {
	case <-kept:
	case <-time.After(patience):
		return fmt.Errorf("node %s has sent no COMMIT in %v", victim.node, patience)
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
	s.sayOf(victim, "its COMMIT is on the way, and kept there; it is suspended (SIGSTOP)")
	if err := n.suspend(); err != nil {
		return err
	}
	if err := s.succeeded(victim); err != nil {
		return err
	}
	s.sayOf(victim, "its COMMIT arrives: the database has ended that transaction, and let the next term claim; it is woken (SIGCONT)")
	s.ended++
	n.heal()
	return n.resume()
}

// holdOpen holds a transaction open that has appended an event, while others append more and commit. No reader passes it.
func (s *story) holdOpen() error {
	s.faults["events whose transaction was held open"]++
	tx, err := s.db.BeginTx(s.ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	held, err := events.Append(s.ctx, tx, events.Event{Customer: "Fay", Cents: 100})
	if err != nil {
		return err
	}
	s.remark("a transaction that has appended event %d stays open", held)
	behind, position := 0, int64(0)
	err = s.until("30 later events", func() (bool, error) {
		err := s.db.QueryRowContext(s.ctx, `SELECT (SELECT COUNT(*) FROM events WHERE position > $1), (SELECT position FROM statement_position)`,
			held).Scan(&behind, &position)
		return behind >= 30, err
	})
	if err != nil {
		return err
	}
	if position >= held {
		return fmt.Errorf("the projection has passed event %d, which is not committed: its position is %d", held, position)
	}
	if last := s.documents.last(); last >= held {
		return fmt.Errorf("the index has passed event %d, which is not committed: it has a document of event %d", held, last)
	}
	s.remark("%d later events are committed, and wait: the projection stands before it, at %d; now it is committed", behind, position)
	if err := tx.Commit(); err != nil {
		return err
	}
	return s.reaches(held)
}
