//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// canSuspend is whether this system has a signal that stops a process and one that lets it go on.
const canSuspend = true

// suspendProcess returns once all threads of the process have stopped: the system tells its parent only then.
func suspendProcess(p *os.Process) error {
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

func resumeProcess(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
