package emulators

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// A set is the directory of a set, which belongs to one supervisor.
type set string

// shared is the name of the set that up starts. Each other set has a new name.
const shared = "up"

// State is the content of a set's set.json.
type State struct {
	PID    int       // of the supervisor
	Since  time.Time // when the supervisor was started
	Ready  bool      // its emulators have answered, and it has not begun to stop them
	Ports  Ports
	Docker bool
}

func setsIn(root string) string           { return filepath.Join(root, "sets") }
func sharedSet(root string) set           { return set(filepath.Join(setsIn(root), shared)) }
func (s set) path(file string) string     { return filepath.Join(string(s), file) }
func (s set) lockFile() *flock.Flock      { return flock.New(s.path("lock")) }
func sharedLock(root string) *flock.Flock { return flock.New(filepath.Join(root, "up.lock")) }

// alive reports whether the set's supervisor runs: it holds the lock. Readers share the lock, so that none takes another for
// the supervisor.
func (s set) alive() (bool, error) {
	if _, err := os.Stat(s.path("lock")); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	l := s.lockFile()
	free, err := l.TryRLock()
	if err != nil {
		return false, err
	}
	_ = l.Close()
	return !free, nil
}

// read returns the set's state, and whether its supervisor runs.
func (s set) read() (state State, running bool, err error) {
	content, err := os.ReadFile(s.path("set.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, false, nil
	}
	if err != nil {
		return State{}, false, err
	}
	if err := json.Unmarshal(content, &state); err != nil {
		return State{}, false, fmt.Errorf("%s cannot be read: %w: remove it when no emulators run", s.path("set.json"), err)
	}
	running, err = s.alive()
	return state, running, err
}

// write replaces set.json atomically: a reader finds the old or the new one.
func (s set) write(state State) error {
	content, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.path("set.json.new"), content, 0o600); err != nil {
		return err
	}
	return os.Rename(s.path("set.json.new"), s.path("set.json"))
}

// create makes a set's directory, with the given name or a new one, and takes its lock. Meanwhile no other set is made or
// cleared: a set without its lock would look dead.
func create(root, name string) (s set, lock *flock.Flock, err error) {
	unlock, err := lockSets(root)
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	if err := clearLocked(root); err != nil {
		return "", nil, err
	}
	dir := filepath.Join(setsIn(root), name)
	if name != "" {
		err = os.Mkdir(dir, 0o700)
	} else {
		dir, err = os.MkdirTemp(setsIn(root), "run-")
	}
	if err != nil {
		return "", nil, err
	}
	s = set(dir)
	lock = s.lockFile()
	if err := lock.Lock(); err != nil { // a process that checks whether the lock is free holds it for an instant
		return "", nil, fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	return s, lock, nil
}

// clear removes the sets whose supervisors were killed, and ends what they left behind.
func clear(root string) error {
	unlock, err := lockSets(root)
	if err != nil {
		return err
	}
	defer unlock()
	return clearLocked(root)
}

func lockSets(root string) (unlock func(), err error) {
	if err := os.MkdirAll(setsIn(root), 0o700); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(setsIn(root), "lock"))
	if err := l.Lock(); err != nil {
		return nil, fmt.Errorf("lock %s: %w", l.Path(), err)
	}
	return func() { _ = l.Close() }, nil
}

func clearLocked(root string) error {
	found, err := os.ReadDir(setsIn(root))
	if err != nil {
		return err
	}
	for _, entry := range found {
		s := set(filepath.Join(setsIn(root), entry.Name()))
		if !entry.IsDir() {
			continue
		}
		if alive, err := s.alive(); err != nil || alive {
			continue // if that is unknown, the set is left alone
		}
		if err := s.remove(); err != nil {
			return err
		}
	}
	return nil
}

// remove ends whatever still runs of the set, and removes its directory.
func (s set) remove() error {
	if state, _, err := s.read(); err == nil && state.Docker {
		if err := removeContainers(string(s), state.Ports); err != nil {
			return err
		}
	}
	return errors.Join(sweep(string(s)), os.RemoveAll(string(s)))
}

// gone waits until the set's supervisor has ended.
func (s set) gone(ctx context.Context) error {
	for {
		alive, err := s.alive()
		if err != nil || !alive {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
