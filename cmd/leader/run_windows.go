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

func shell(ctx context.Context, command string) *exec.Cmd {
	return exec.CommandContext(ctx, "cmd", "/C", command)
}
