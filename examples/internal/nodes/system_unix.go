//go:build unix

package nodes

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

const (
	// CanSuspend tells whether this system has a signal that stops a process and one that lets it go on.
	CanSuspend = true
	// StoppedBy is how Stop asks a node to end.
	StoppedBy = "SIGTERM"
)

// suspend returns once all threads of the process have stopped: the system tells its parent only then.
func suspend(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		var status syscall.WaitStatus
		switch _, err := syscall.Wait4(p.Pid, &status, syscall.WUNTRACED, nil); {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return err
		case !status.Stopped():
			return fmt.Errorf("it has ended: %v", status)
		}
		return nil
	}
}

func resume(p *os.Process) error   { return p.Signal(syscall.SIGCONT) }
func askToEnd(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
