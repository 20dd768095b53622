package main

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// watchSignals returns the signals that leader acts on, until stop is called, which closes the channel: ^C, and the end of
// the session.
func watchSignals() (signals chan os.Signal, stop func()) {
	signals = make(chan os.Signal, 16)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return signals, func() {
		signal.Stop(signals)
		close(signals)
	}
}

func endsWithoutProgram(os.Signal, bool) bool { return false }

func shell(ctx context.Context, command string) *exec.Cmd {
	return exec.CommandContext(ctx, "cmd", "/C", command)
}
