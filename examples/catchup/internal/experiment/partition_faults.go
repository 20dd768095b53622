package experiment

import (
	"fmt"
	"time"
)

// tell prints what happens to a victim.
func (s partitions) tell(v victim, format string, args ...any) {
	s.say(v.name, "", 0, "%s, with %d partitions", fmt.Sprintf(format, args...), len(v.tokens))
}

func (s partitions) kill() error { return s.killOne("killed", false) }

func (s partitions) killCoordinator() error { return s.killOne("killed while they coordinated", true) }

// killOne ends a node as a crash does, and starts it again.
func (s partitions) killOne(fault string, coordinator bool) error {
	v, err := s.befall(fault, coordinator)
	if err != nil {
		return err
	}
	s.tell(v, "is killed (SIGKILL)")
	if err := v.kill(); err != nil {
		return err
	}
	if _, err := s.await("its end", func(e event) bool { return e.ends && e.node == v.name }); err != nil {
		return err
	}
	if err := s.start(v.name); err != nil {
		return err
	}
	return s.succeeded(v)
}

// suspend stops a process at a random point for longer than its lease, and lets it go on while others have its partitions.
func (s partitions) suspend() error {
	if !canSuspend {
		return nil
	}
	v, err := s.befall("suspended", false)
	if err != nil {
		return err
	}
	s.tell(v, "is suspended (SIGSTOP)")
	if err := v.suspend(); err != nil {
		return err
	}
	if err := s.succeeded(v); err != nil {
		return err
	}
	s.tell(v, "is woken (SIGCONT)")
	return v.resume()
}

// isolate cuts a node off from the lease store. It reaches the database, and the index.
func (s partitions) isolate() error {
	v, err := s.befall("cut off from the lease store", false)
	if err != nil {
		return err
	}
	s.tell(v, "is cut off from the lease store, and reaches the database and the index")
	v.isolate()
	defer v.heal()
	return s.succeeded(v)
}

// blind cuts a node off from the database.
func (s partitions) blind() error {
	v, err := s.befall("cut off from the database", false)
	if err != nil {
		return err
	}
	s.tell(v, "is cut off from the database, and reaches the lease store and the index")
	v.database.silence()
	defer v.heal()
	return s.succeeded(v)
}

// cut closes a node's connections to the database, once. Its works fail, and are begun again.
func (s partitions) cut() error {
	v, err := s.befall("disconnected from the database", false)
	if err != nil {
		return err
	}
	s.tell(v, "its connections to the database are closed")
	v.database.cut()
	return nil
}

// comeAndGo adds a node, waits until it has partitions, and asks it to stop.
func (s partitions) comeAndGo() error {
	const fresh = "d"
	if s.cluster.nodes[fresh] == nil {
		if err := s.cluster.add(fresh); err != nil {
			return err
		}
	}
	if err := s.start(fresh); err != nil {
		return err
	}
	if _, err := s.await("node "+fresh+" to get partitions", func(e event) bool { return e.node == fresh && e.Msg == indexes }); err != nil {
		return err
	}
	s.faults["nodes that came, and were asked to stop"]++
	v := victim{s.cluster.nodes[fresh], s.tokens()[fresh]}
	s.tell(v, "is asked to stop")
	if err := s.dismiss(fresh); err != nil {
		return err
	}
	return s.succeeded(v)
}

// freezeUntilRefused lets nodes be frozen until the index has refused a document.
func (s partitions) freezeUntilRefused() error {
	const tries = 10
	for range tries {
		if err := s.freeze(); err != nil {
			return err
		}
		if refused, _, _ := s.documents.counts(); refused > 0 {
			return nil
		}
	}
	return fmt.Errorf("the index has refused nothing: in %d tries, each frozen node has lost its seat before it came to the index", tries)
}

// freeze suspends a node between the check and the request that puts a document, and its clocks with it. When it goes on, it holds its
// partitions as far as it can tell. Nothing but the index stops it.
func (s partitions) freeze() error {
	v, err := s.befall("paused with their clocks", false)
	if err != nil {
		return err
	}
	if err := v.node.tell(holdCommand + atPut); err != nil {
		return err
	}
	_, err = s.await("node "+v.name+" to put a document", func(e event) bool { return e.node == v.name && e.Msg == messageHeld })
	if err != nil {
		return err
	}
	if err := v.node.tell(freezeCommand); err != nil {
		return err
	}
	if _, err := s.await("its clocks to stop", func(e event) bool { return e.node == v.name && e.Msg == messageFrozen }); err != nil {
		return err
	}
	s.tell(v, "is paused between a check and its effect, and its clocks stand still, as those of a virtual machine")
	v.isolate() // when it goes on, no answer tells it about the others
	defer v.heal()
	if canSuspend {
		if err := v.suspend(); err != nil {
			return err
		}
	}
	if err := s.succeeded(v); err != nil {
		return err
	}
	return s.goOn(v)
}

// goOn lets a frozen node go on with the document that it was to put, and then its clocks.
func (s partitions) goOn(v victim) error {
	s.tell(v, "goes on: to its clocks, no time has passed, and it still has its seat")
	if canSuspend {
		if err := v.resume(); err != nil {
			return err
		}
	}
	refused, _, _ := s.documents.counts()
	if err := v.node.tell(releaseCommand); err != nil {
		return err
	}
	began := time.Now()
	err := s.until("the index to refuse it", func() (bool, error) {
		now, _, _ := s.documents.counts()
		return now > refused || time.Since(began) > 2*s.LeaseLength, nil // on a slow machine it had lost its seat before
	})
	if err != nil {
		return err
	}
	v.heal() // or the end of its works would wait for their checkpoints
	return v.node.tell(thawCommand)
}
