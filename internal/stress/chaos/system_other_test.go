//go:build unix && !linux

package chaos

import (
	"syscall"
	"testing"
)

// withParent returns nil: a worker ends when its standard input does, unless it is suspended.
func withParent() *syscall.SysProcAttr { return nil }

func startEmulators(t *testing.T) {
	t.Fatal("-own looks for the emulators' processes in /proc: it needs Linux")
}

func suspendEmulator(t *testing.T, _ string) (resume func()) {
	t.Fatal("-own needs Linux")
	return nil
}

// awaitStop does nothing: this system has no means to see it, and a signal takes effect soon.
func awaitStop(*testing.T, int) {}

// holdsLock reports false: this system does not tell.
func holdsLock(*testing.T, int) bool { return false }
