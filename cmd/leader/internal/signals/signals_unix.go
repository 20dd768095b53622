//go:build unix

package signals

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Watch returns the signals that leader acts on or passes on, as long as this process lives: one that comes at its very
// end changes nothing. It also sees to it that its log does not stop leader, when the program is the foreground of a terminal
// (stty tostop).
func Watch() <-chan os.Signal {
	signal.Ignore(syscall.SIGTTOU)
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, NotIgnored(syscall.SIGINT, syscall.SIGTERM,
		syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)...)
	return signals
}

// EndWithoutProgram reports whether a signal for the program ends leader while there is no program.
// SIGHUP makes a service read its configuration, but a terminal sends it when it is closed.
func EndWithoutProgram(s os.Signal, onTerminal bool) bool {
	return s == syscall.SIGQUIT || s == syscall.SIGHUP && onTerminal
}

// Name returns a signal's name, as kill(1) prints it.
func Name(s os.Signal) string {
	if number, ok := s.(syscall.Signal); ok && unix.SignalName(number) != "" {
		return unix.SignalName(number)
	}
	return s.String()
}

// NotIgnored returns the signals without those that this process was started to ignore, as nohup does.
func NotIgnored(signals ...os.Signal) (kept []os.Signal) {
	for _, s := range signals {
		if !signal.Ignored(s) {
			kept = append(kept, s)
		}
	}
	return kept
}
