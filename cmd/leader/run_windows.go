package main

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// watchSignals returns the signals that leader acts on, as long as this process lives: ^C, and the end of the session.
func watchSignals() <-chan os.Signal {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return signals
}

func endsWithoutProgram(os.Signal, bool) bool { return false }

// signalName is what is behind the signals that Go makes of what Windows tells a console's processes
// (https://pkg.go.dev/os/signal#hdr-Windows).
func signalName(s os.Signal) string {
	switch s {
	case os.Interrupt:
		return "CTRL_C or CTRL_BREAK"
	case syscall.SIGTERM:
		return "the end of the session, or CTRL_BREAK" // the latter, if it ended a program
	}
	return s.String()
}

func shell(ctx context.Context, command string) *exec.Cmd {
	return exec.CommandContext(ctx, "cmd", "/C", command)
}
