//go:build unix

// Package suspend suspends processes for tests whose lease is in a directory.
package suspend

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// patience is how long another process may take for a write.
const patience = 20 * time.Millisecond

// Between suspends a child process between two writes to the leases of a directory. A process that is suspended within one keeps
// all others from writing (package lease/file), and nobody takes over.
func Between(pid int, dir string) error {
	for {
		if err := stop(pid); err != nil {
			return fmt.Errorf("suspend process %d: %w", pid, err)
		}
		if free, err := unlocked(dir); err != nil || free {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			return fmt.Errorf("resume process %d: %w", pid, err)
		}
	}
}

// unlocked reports whether each lock of the directory can be had soon: another process lets go of it after a write.
func unlocked(dir string) (bool, error) {
	locks, err := filepath.Glob(filepath.Join(dir, "*.lock"))
	if err != nil {
		return false, err
	}
	for _, path := range locks {
		l := flock.New(path)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		free, err := l.TryLockContext(ctx, time.Millisecond)
		cancel()
		if err := errors.Join(err, l.Close()); !free {
			if errors.Is(err, context.DeadlineExceeded) {
				err = nil
			}
			return false, err
		}
	}
	return true, nil
}

// stop returns once all threads of the process have stopped: the system tells its parent only then.
func stop(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		var status syscall.WaitStatus
		switch _, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil); {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return err
		case !status.Stopped():
			return fmt.Errorf("it has ended: %v", status)
		}
		return nil
	}
}
