//go:build unix

// Package suspend suspends processes for tests whose lease is in a directory.
package suspend

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/gofrs/flock"
)

// Between suspends a child process between two writes to its lease, whose lock file is given. A process that is suspended
// within one keeps all others from writing (package lease/file), and nobody takes over.
func Between(pid int, lock string) error {
	for {
		if err := stop(pid); err != nil {
			return fmt.Errorf("suspend process %d: %w", pid, err)
		}
		l := flock.New(lock)
		free, err := l.TryLock()
		if err != nil || free {
			return errors.Join(err, l.Close())
		}
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			return fmt.Errorf("resume process %d: %w", pid, err)
		}
	}
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
