package signals

import (
	"os"
	"os/signal"
	"syscall"
)

// Watch returns the signals that leader acts on, as long as this process lives: ^C, and the end of the session.
func Watch() <-chan os.Signal {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return signals
}

// EndWithoutProgram is false: there are no such signals here.
func EndWithoutProgram(os.Signal, bool) bool { return false }

// Name returns the events of a Windows console that Go turns into this signal
// (https://pkg.go.dev/os/signal#hdr-Windows).
func Name(s os.Signal) string {
	switch s {
	case os.Interrupt:
		return "CTRL_C or CTRL_BREAK"
	case syscall.SIGTERM:
		return "the end of the session, or CTRL_BREAK" // the latter, if it ended a program
	}
	return s.String()
}
