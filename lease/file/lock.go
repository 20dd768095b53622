package file

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/gofrs/flock"
)

const (
	// lockEvery is the interval between tries for a lock that is taken: about as long as a disk takes to write.
	lockEvery = 5 * time.Millisecond
	// patience bounds the tries while another program is in the way.
	patience = 2 * time.Second
)

// patiently repeats do while its error is temporary, until ctx ends or patience runs out.
func patiently(ctx context.Context, passes func(error) bool, do func() error) error {
	for begin := time.Now(); ; {
		err := do()
		if err == nil || !passes(err) || time.Since(begin) > patience {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(lockEvery):
		}
	}
}

// lock waits for the cell's lock until ctx ends. It returns the error of a missing file if there is no directory for
// the lock, and, for a shared lock, if nobody has ever written to the cell.
func (s *Store) lock(ctx context.Context, p place, shared bool) (unlock func(), err error) {
	if !shared {
		if err := s.makeLock(p); err != nil {
			return nil, err
		}
	}
	l := flock.New(p.lock(), flock.SetFlag(lockFlag()))
	try := l.TryLockContext
	if shared {
		try = l.TryRLockContext
	}
	err = patiently(ctx, s.busy, func() error {
		_, err := try(ctx, lockEvery)
		return err
	})
	if err == nil {
		return func() { _ = l.Unlock() }, nil
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil, fmt.Errorf("waited for the lock on %s, which another process had; if one is stuck or suspended, "+
			"end it or let it go on (lsof or fuser names it): %w", s.short(p.lock()), context.Cause(ctx))
	}
	return nil, err
}

// lockFlag returns the flag to open a lock's file. Some systems lock for writing only a file that is open for writing.
func lockFlag() int {
	switch runtime.GOOS {
	case "aix", "solaris", "illumos":
		return os.O_RDWR
	}
	return os.O_RDONLY
}

// makeLock makes the lock's file if there is none. The file appears with its permissions, so anybody who finds it can
// open it.
func (s *Store) makeLock(p place) error {
	if _, err := os.Lstat(p.lock()); !missing(err) {
		return nil // opening it will show any other problem
	}
	to, err := s.access()
	if err != nil {
		return err
	}
	if runtime.GOOS != "windows" { // which has no umask
		temp := p.lock() + "." + few()
		if err := s.touch(temp, to); err != nil {
			return err
		}
		err := s.disk.link(temp, p.lock())
		_ = os.Remove(temp)
		if err == nil || errors.Is(err, os.ErrExist) {
			return nil
		}
	} // on Windows, or on a file system without hard links, which mostly has no permissions either
	if err := s.touch(p.lock(), to); !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// touch makes an empty file that does not exist yet.
func (s *Store) touch(path string, to access) error {
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE|os.O_EXCL, to.mode.Perm())
	if err != nil {
		return err
	}
	return cmp.Or(to.give(f), f.Close())
}

// few returns eight random letters. Hardly two such names exist at a time, and a long name leaves no room for more.
func few() string { return rand.Text()[:8] }
