//go:build unix

package main

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// watchSignals returns the signals that leader acts on or passes on, as long as this process lives: one that comes at its very
// end changes nothing. It also sees to it that its log does not stop leader, when the program is the foreground of a terminal
// (stty tostop).
func watchSignals() <-chan os.Signal {
	signal.Ignore(syscall.SIGTTOU)
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, notIgnored(syscall.SIGINT, syscall.SIGTERM,
		syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)...)
	return signals
}

// endsWithoutProgram tells of a signal that would be the program's whether it ends leader while there is no program.
// SIGHUP makes a service read its configuration, but a terminal sends it when it is closed.
func endsWithoutProgram(s os.Signal, onTerminal bool) bool {
	return s == syscall.SIGQUIT || s == syscall.SIGHUP && onTerminal
}

// signalName is what kill(1) and people call it.
func signalName(s os.Signal) string {
	if number, ok := s.(syscall.Signal); ok && unix.SignalName(number) != "" {
		return unix.SignalName(number)
	}
	return s.String()
}

// shell is a command that is killed with all of its process group when ctx ends.
func shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}
