//go:build unix

package emulators

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Supported reports whether sets can be started on this system.
const Supported = true

const terminate = syscall.SIGTERM

// forwarded are the signals that run passes on.
var forwarded = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2}

// killGroup kills all processes of the group that a process leads.
func killGroup(leader int) error { return syscall.Kill(-leader, syscall.SIGKILL) }

// fromTerminal reports whether the terminal has sent this signal to all of its foreground processes, of which this is one. Then
// a child has got the signal as well.
func fromTerminal(s os.Signal) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT {
		return false
	}
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer terminal.Close()
	foreground, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err == nil && foreground == unix.Getpgrp()
}

// statusOf returns the exit status of a process as a shell reports it.
func statusOf(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// outliving starts a process in a new session. Signals to this process's session, or its end, do not reach that.
func outliving() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
