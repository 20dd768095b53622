//go:build unix

package experiment

import (
	"os"
	"syscall"
)

// canSuspend is whether this system has a signal that stops a process and one that lets it go on.
const canSuspend = true

func suspendProcess(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }
func resumeProcess(p *os.Process) error  { return p.Signal(syscall.SIGCONT) }
