package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/cloudlease/leader/examples/internal/journal"
	"github.com/cloudlease/leader/examples/internal/nodes"
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

var names = []string{"a", "b", "c"}

// A story is the experiment: the nodes, the current leader, and the results.
type story struct {
	ctx       context.Context
	out       io.Writer
	began     time.Time
	cluster   *nodes.Cluster
	journal   string      // its file
	leader    nodes.Event // the latest node to lead
	failovers []failover
	findings  []journal.Finding
}

// A failover is the end of one leader and the beginning of the next.
type failover struct {
	after    string        // what was done to the leader
	from     uint64        // its token
	took     time.Duration // until another led
	promised time.Duration
}

func newCluster(dir string, length, every time.Duration) *nodes.Cluster {
	return nodes.New(dir, "-journal", journalIn(dir), "-lease", length.String(), "-every", every.String())
}

func journalIn(dir string) string { return filepath.Join(dir, "journal") }

// tellStory does the experiment. Its error names the rules that were broken.
func tellStory(ctx context.Context, out io.Writer, dir string) error {
	s := &story{ctx: ctx, out: out, began: time.Now(), cluster: newCluster(dir, leaseLength, writeEvery), journal: journalIn(dir)}
	defer s.cluster.Close(patience)
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
	for _, node := range names {
		if err := s.start(node); err != nil {
			return err
		}
	}
	_, err := s.await("a leader", func(e nodes.Event) bool { return e.Did == leads })
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
	if err := s.cluster.Kill(victim.Node); err != nil {
		return err
	}
	_, err := s.await("its end", func(e nodes.Event) bool { return e.Did == nodes.Exited && e.Node == victim.Node })
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
	s.say(retiree, "is asked to stop (%s)", nodes.StoppedBy)
	if err := s.cluster.Stop(retiree.Node); err != nil {
		return err
	}
	gone, err := s.await("the release", func(e nodes.Event) bool { return e.Did == released && e.Node == retiree.Node })
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
	if !nodes.CanSuspend {
		s.remark("this system cannot suspend a process: this part is left out")
		return nil
	}
	if err := s.rest(reign); err != nil {
		return err
	}
	// After a renewal, so that it does not have the file store's lock just now, for which the others would have to
	// wait; and after a line, so that it is not between Check and write, where no lease helps.
	_, err := s.await("a renewal", func(e nodes.Event) bool { return e.Did == renewed && e.Node == s.leader.Node })
	if err != nil {
		return err
	}
	sleeper := s.leader
	if err := s.nextLine(); err != nil {
		return err
	}
	s.say(sleeper, "is suspended (SIGSTOP)")
	at := time.Now()
	if err := s.cluster.Suspend(sleeper.Node); err != nil {
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
func (s *story) wake(sleeper nodes.Event, since time.Time) error {
	before, err := s.written(sleeper.Token)
	if err != nil {
		return err
	}
	s.say(sleeper, "is woken (SIGCONT), after %.1f lease lengths", inLengths(time.Since(since)))
	at := time.Now()
	if err := s.cluster.Resume(sleeper.Node); err != nil {
		return err
	}
	back, err := s.await("the woken node's work to return", func(e nodes.Event) bool {
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
	found := journal.Finding{Rule: "the woken node knew at once, and wrote nothing"}
	switch {
	case back.Why == "":
		found.Err = fmt.Errorf("its Check was nil")
	case after != before:
		found.Err = fmt.Errorf("it wrote %d lines", after-before)
	case took > allowance:
		found.Err = fmt.Errorf("it knew after %v", took)
	}
	s.findings = append(s.findings, found)
	return nil
}

// end stops all nodes, the leader last, so that no node takes over meanwhile.
func (s *story) end() error {
	s.remark("all nodes are asked to stop")
	last := s.leader.Node
	for _, node := range names {
		if node != last {
			if err := s.dismiss(node); err != nil {
				return err
			}
		}
	}
	return s.dismiss(last)
}

func (s *story) dismiss(node string) error {
	if err := s.cluster.Stop(node); err != nil {
		return err
	}
	ctx, cancel := s.within("node " + node + " to end")
	defer cancel()
	return s.cluster.AwaitEnd(ctx, s.see, node)
}
