//go:build unix

package emulators

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Supported is whether sets can be started on this system.
const Supported = true

const terminate = syscall.SIGTERM

// forwarded are the signals that run passes on.
var forwarded = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2}

// killGroup kills all processes of the group that a process leads.
func killGroup(leader int) error { return syscall.Kill(-leader, syscall.SIGKILL) }

// fromTerminal tells whether a signal is one that the terminal sends to all of its foreground processes, and this is one
// of them: then a child got it as well.
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

// statusOf is the exit status of a process as a shell reports it.
func statusOf(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// outliving puts a process into a session of its own, which a signal to this one's, or its end, does not reach.
func outliving() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
