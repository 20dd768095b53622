package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/cloudlease/leader/lease"
)

const (
	leaseLength  = 3 * time.Second
	acquireEvery = leaseLength / lease.IntervalsPerLength // the default
	writeEvery   = leaseLength / 30

	// How soon another leader is promised (L1): after one died or was suspended, and after one released its
	// lease.
	afterDeath   = leaseLength + acquireEvery
	afterRelease = acquireEvery
	// allowance is for the requests, and for a busy machine that starts or wakes a process.
	allowance = time.Second

	reign    = 2 * time.Second  // how long a leader is left in peace
	patience = 20 * time.Second // how long the story waits for anything that must happen
)

var nodes = []string{"a", "b", "c"}

// A story is the experiment: the nodes, the current leader, and the results.
type story struct {
	ctx       context.Context
	out       io.Writer
	began     time.Time
	cluster   *cluster
	leader    event // the latest node to lead
	failovers []failover
	findings  []finding
}

// A failover is the end of one leader and the beginning of the next.
type failover struct {
	after    string        // what was done to the leader
	from     uint64        // its token
	took     time.Duration // until another led
	promised time.Duration
}

// tellStory does the experiment. Its error names the rules that were broken.
func tellStory(ctx context.Context, out io.Writer, dir string) error {
	s := &story{ctx: ctx, out: out, began: time.Now(), cluster: newCluster(dir, leaseLength, writeEvery)}
	defer s.cluster.close(patience)
	fmt.Fprintf(out, "Three processes compete for one lease of %v. The leader renews it every %v, the others ask for it every %v.\n"+
		"The leader writes a line to a journal every %v.\n\n", leaseLength, acquireEvery, acquireEvery, writeEvery)
	fmt.Fprintf(out, "%7s  %s  %s\n", "time", "node  token", "what happens")
	for _, act := range []func() error{s.begin, s.kill, s.stop, s.suspend, s.end} {
		if err := act(); err != nil {
			return err
		}
	}
	return s.judge()
}

// begin starts the nodes, and waits until one leads.
func (s *story) begin() error {
	for _, node := range nodes {
		if err := s.start(node); err != nil {
			return err
		}
	}
	_, err := s.await("a leader", func(e event) bool { return e.Did == leads })
	return err
}

// kill ends the leader as a crash does, and starts it again.
func (s *story) kill() error {
	if err := s.rest(reign); err != nil {
		return err
	}
	victim := s.leader
	s.say(victim, "is killed (SIGKILL)")
	at := time.Now()
	if err := s.cluster.kill(victim.Node); err != nil {
		return err
	}
	_, err := s.await("its end", func(e event) bool { return e.Did == exited && e.Node == victim.Node })
	if err != nil {
		return err
	}
	if err := s.start(victim.Node); err != nil {
		return err
	}
	return s.succeed(victim, "killed", at, afterDeath)
}

// stop asks the leader to end, and starts it again.
func (s *story) stop() error {
	if err := s.rest(reign); err != nil {
		return err
	}
	retiree := s.leader
	s.say(retiree, "is asked to stop (its standard input is closed)")
	if err := s.cluster.stop(retiree.Node); err != nil {
		return err
	}
	gone, err := s.await("the release", func(e event) bool { return e.Did == released && e.Node == retiree.Node })
	if err != nil {
		return err
	}
	if err := s.succeed(retiree, "asked to stop", gone.At, afterRelease); err != nil {
		return err
	}
	return s.start(retiree.Node)
}

// suspend stops the leader's process in the middle of its work for longer than its lease, and lets it go on while another
// leads.
func (s *story) suspend() error {
	if !canSuspend {
		s.remark("this system cannot suspend a process: this part is left out")
		return nil
	}
	if err := s.rest(reign); err != nil {
		return err
	}
	// After a renewal, so that it does not have the file store's lock just now, for which the others would have to
	// wait; and after a line, so that it is not between Check and write, where no lease helps.
	_, err := s.await("a renewal", func(e event) bool { return e.Did == renewed && e.Node == s.leader.Node })
	if err != nil {
		return err
	}
	sleeper := s.leader
	if err := s.nextLine(); err != nil {
		return err
	}
	s.say(sleeper, "is suspended (SIGSTOP)")
	at := time.Now()
	if err := s.cluster.suspend(sleeper.Node); err != nil {
		return err
	}
	if err := s.succeed(sleeper, "suspended", at, afterDeath); err != nil {
		return err
	}
	if err := s.rest(max(reign, leaseLength*3/2-time.Since(at))); err != nil {
		return err
	}
	return s.wake(sleeper, at)
}

// wake lets the suspended process go on, and checks what it does.
func (s *story) wake(sleeper event, since time.Time) error {
	before, err := s.written(sleeper.Token)
	if err != nil {
		return err
	}
	s.say(sleeper, "is woken (SIGCONT), after %.1f lease lengths", inLengths(time.Since(since)))
	at := time.Now()
	if err := s.cluster.resume(sleeper.Node); err != nil {
		return err
	}
	back, err := s.await("the woken node's work to return", func(e event) bool {
		return e.Did == returned && e.Token == sleeper.Token
	})
	if err != nil {
		return err
	}
	if err := s.rest(reign); err != nil {
		return err
	}
	after, err := s.written(sleeper.Token)
	if err != nil {
		return err
	}
	took := back.At.Sub(at)
	s.say(sleeper, "knew %d ms after it was woken; lines written since: %d", took.Milliseconds(), after-before)
	found := finding{rule: "the woken node knew at once, and wrote nothing"}
	switch {
	case back.Why == "":
		found.err = fmt.Errorf("its Check was nil")
	case after != before:
		found.err = fmt.Errorf("it wrote %d lines", after-before)
	case took > allowance:
		found.err = fmt.Errorf("it knew after %v", took)
	}
	s.findings = append(s.findings, found)
	return nil
}

// end stops all nodes, the leader last, so that no node takes over meanwhile.
func (s *story) end() error {
	s.remark("all nodes are asked to stop")
	last := s.leader.Node
	for _, node := range nodes {
		if node != last {
			if err := s.dismiss(node); err != nil {
				return err
			}
		}
	}
	return s.dismiss(last)
}

func (s *story) dismiss(node string) error {
	if err := s.cluster.stop(node); err != nil {
		return err
	}
	e, err := s.await("node "+node+" to end", func(e event) bool { return e.Did == exited && e.Node == node })
	if err == nil && !e.process.cmd.ProcessState.Success() {
		err = fmt.Errorf("node %s was asked to stop, and ended with %s", node, e.Why)
	}
	return err
}
