package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/cloudlease/leader/examples/internal/journal"
	"github.com/cloudlease/leader/examples/internal/nodes"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

const patience = 30 * time.Second // how long the story waits for anything that must happen, beside the promised time

// A story is the experiment: the nodes, who works on what, and the results.
type story struct {
	ctx     context.Context
	out     io.Writer
	began   time.Time
	site    *site
	manager lease.Manager // the same leases, to look at them from outside
	balance *balance
	acts    []act
	moved   int // when the latest act began
	names   int // of nodes that were given
}

// An act is one event of the story, until the fleet is in balance again.
type act struct {
	what     string
	began    time.Time
	ended    time.Time
	promised time.Duration // no part is left alone for longer
}

// The promises FL1 and FL2: how long a part waits when its node dies, and when the coordinator does. The interval is a third of the
// length, the default. What requests take, and a busy machine that starts or wakes a process, comes on top of that.
func (s *story) afterDeath() time.Duration       { return s.site.length + 2*s.site.length/3 }
func (s *story) afterCoordinator() time.Duration { return 2*s.site.length + 4*s.site.length/3 }
func (s *story) allowance() time.Duration        { return max(s.site.length/2, time.Second) }

// tellStory does the experiment. Its error names the rules that were broken.
func tellStory(ctx context.Context, out io.Writer, dir string, length time.Duration, parts int) error {
	site, err := newSite(dir, length, parts)
	if err != nil {
		return err
	}
	defer site.Close(patience)
	s := &story{ctx: ctx, out: out, began: time.Now(), site: site, manager: file.New(site.Leases()), balance: newBalance(parts)}
	fmt.Fprintf(out, "Five processes divide %d parts. Each holds a seat, a lease of %v, and renews it every %v, however many parts it has.\n"+
		"One of them coordinates. A line is written to the journal of each part every %v.\n\n", parts, length, length/3, site.every)
	fmt.Fprintf(out, "%7s  %s  %s\n", "time", "node", "what happens")
	for _, act := range []func() error{s.begin, s.kill, s.killCoordinator, s.suspend, s.join, s.drain, s.replaceAll, s.end} {
		if err := act(); err != nil {
			return err
		}
	}
	return s.judge()
}

// begin starts five nodes.
func (s *story) begin() error {
	s.opens("the start", s.afterDeath())
	for range 5 {
		if _, err := s.start(); err != nil {
			return err
		}
	}
	return s.settles(0)
}

// kill ends a node that does not coordinate, as a crash does.
func (s *story) kill() error {
	victim, err := s.other()
	if err != nil {
		return err
	}
	return s.dies(victim, "a node was killed", s.afterDeath())
}

// killCoordinator ends the coordinator: its parts wait until another node has taken its office.
func (s *story) killCoordinator() error {
	victim, err := s.coordinator()
	if err != nil {
		return err
	}
	return s.dies(victim, "the coordinator was killed", s.afterCoordinator())
}

func (s *story) dies(victim, what string, promised time.Duration) error {
	s.opens(what, promised)
	s.say(victim, "is killed (SIGKILL), with %d parts", s.balance.loads()[victim])
	if err := s.site.Kill(victim); err != nil {
		return err
	}
	return s.without(victim)
}

// suspend stops a node's process for longer than its lease, and lets it go on while others have its parts.
func (s *story) suspend() error {
	if !nodes.CanSuspend {
		s.remark("this system cannot suspend a process: this part is left out")
		return nil
	}
	sleeper, err := s.other()
	if err != nil {
		return err
	}
	s.opens("a node was suspended", s.afterDeath())
	if err := s.site.suspend(sleeper); err != nil {
		return err
	}
	s.say(sleeper, "is suspended (SIGSTOP), with %d parts", s.balance.loads()[sleeper])
	if err := s.without(sleeper); err != nil {
		return err
	}
	s.opens("it was woken", s.afterDeath())
	s.say(sleeper, "is woken (SIGCONT), and still believes that it has its parts")
	s.balance.crew[sleeper] = true
	least := s.balance.least()
	if err := s.site.Resume(sleeper); err != nil {
		return err
	}
	return s.settles(least)
}

// without waits until the others have the parts of a node.
func (s *story) without(node string) error {
	delete(s.balance.crew, node)
	return s.settles(s.balance.least())
}

// join adds two nodes.
func (s *story) join() error {
	s.opens("two nodes came", s.afterDeath())
	for range 2 {
		if _, err := s.start(); err != nil {
			return err
		}
	}
	return s.settles(s.balance.least())
}

// drain asks a node to end.
func (s *story) drain() error {
	leaver, err := s.other()
	if err != nil {
		return err
	}
	s.opens("a node was asked to stop", s.afterDeath())
	least, err := s.leaves(leaver)
	if err != nil {
		return err
	}
	return s.settles(least)
}

// leaves asks a node to end, and waits until it has. It returns how many parts must move for that at least.
func (s *story) leaves(node string) (least int, err error) {
	s.say(node, "is asked to stop (%s), with %d parts", nodes.StoppedBy, s.balance.loads()[node])
	delete(s.balance.crew, node)
	least = s.balance.least()
	if err := s.site.Stop(node); err != nil {
		return 0, err
	}
	ctx, cancel := s.within("node " + node + " to end")
	defer cancel()
	return least, s.site.AwaitEnd(ctx, s.see, node)
}

// replaceAll replaces each node, as a rolling update does: a new one comes before an old one goes.
func (s *story) replaceAll() error {
	s.opens("all nodes were replaced", s.afterDeath())
	for _, old := range s.crew() {
		fresh, err := s.start()
		if err != nil {
			return err
		}
		if err := s.await("node "+fresh+" to take a seat", func(e nodes.Event) bool { return e.Did == sits && e.Node == fresh }); err != nil {
			return err
		}
		if _, err := s.leaves(old); err != nil {
			return err
		}
	}
	return s.settles(s.site.parts)
}

// end stops all nodes at once.
func (s *story) end() error {
	s.remark("all nodes are asked to stop")
	crew := s.crew()
	for _, node := range crew {
		if err := s.site.Stop(node); err != nil {
			return err
		}
	}
	for left := len(crew); left > 0; left-- {
		if err := s.await("all nodes to end", func(e nodes.Event) bool { return e.Did == nodes.Exited }); err != nil {
			return err
		}
	}
	return nil
}

// coordinator returns the node that coordinates, as fleet.Inspect shows it to everybody.
func (s *story) coordinator() (string, error) {
	o, err := fleet.Inspect(s.ctx, s.manager, fleetName)
	if err != nil {
		return "", err
	}
	if name := o.Coordinator.Holder; o.Coordinator.State == lease.Held && s.balance.crew[name] {
		return name, nil
	}
	return "", errors.New("nobody coordinates")
}

// other returns a node that does not coordinate.
func (s *story) other() (string, error) {
	chief, err := s.coordinator()
	for _, node := range s.crew() {
		if node != chief {
			return node, err
		}
	}
	return "", errors.New("there is one node alone")
}

// journals returns the lines of all journals.
func (s *story) journals() (map[string][]journal.Entry, error) {
	all := map[string][]journal.Entry{}
	for i := range s.site.parts {
		part := strconv.Itoa(i)
		entries, err := journal.Read(s.site.journal(part))
		if err != nil {
			return nil, err
		}
		all[part] = entries
	}
	return all, nil
}
