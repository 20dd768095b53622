//go:build unix && !linux

package chaos

import (
	"syscall"
	"testing"
)

// withParent has nothing to say here: a worker sees its standard input end, unless it is suspended.
func withParent() *syscall.SysProcAttr { return nil }

func startEmulators(t *testing.T) {
	t.Fatal("-own looks for the emulators' processes in /proc: it needs Linux")
}

func suspendEmulator(t *testing.T, _ string) (resume func()) {
	t.Fatal("-own needs Linux")
	return nil
}

// awaitStop has no means to see it here; a signal takes effect soon.
func awaitStop(*testing.T, int) {}

// holdsLock cannot be told here.
func holdsLock(*testing.T, int) bool { return false }
