package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/gofrs/flock"

	"github.com/cloudlease/leader/examples/internal/nodes"
)

// A site has the nodes and their files: leases, journals and logs. Use it from one goroutine.
type site struct {
	*nodes.Cluster
	dir    string        // of the journals
	length time.Duration // of the leases
	every  time.Duration // a line is written to each journal
	parts  int
}

func newSite(dir string, length time.Duration, parts int) (*site, error) {
	s := &site{dir: filepath.Join(dir, "journals"), length: length, every: length / 10, parts: parts}
	s.Cluster = nodes.New(dir, "-journals", s.dir, "-parts", strconv.Itoa(parts), "-lease", length.String(), "-every", s.every.String())
	return s, os.Mkdir(s.dir, 0o700)
}

func (s *site) journal(part string) string { return filepath.Join(s.dir, part) }

// suspend stops a node's process between two writes. One that is suspended within a write keeps the lock of a lease's file, or of a
// journal's, and everybody would wait for it: then it is let go on, and suspended anew.
func (s *site) suspend(node string) error {
	for {
		if err := s.Suspend(node); err != nil {
			return err
		}
		free, err := s.unlocked()
		if err != nil || free {
			return err
		}
		if err := s.Resume(node); err != nil {
			return err
		}
	}
}

// unlocked reports whether each lock can be had soon.
func (s *site) unlocked() (bool, error) {
	leases, err1 := filepath.Glob(filepath.Join(s.Leases(), "*.lock"))
	journals, err2 := filepath.Glob(filepath.Join(s.dir, "*.lock"))
	if err := errors.Join(err1, err2); err != nil {
		return false, err
	}
	for _, path := range slices.Concat(leases, journals) {
		lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
		ctx, cancel := context.WithTimeout(context.Background(), s.length/4)
		free, err := lock.TryLockContext(ctx, time.Millisecond)
		cancel()
		_ = lock.Close()
		if !free && !errors.Is(err, context.DeadlineExceeded) {
			return false, err
		}
		if !free {
			return false, nil
		}
	}
	return true, nil
}
