//go:build darwin || openbsd

package host

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix" // only here: these systems allow system calls through their C library alone, and syscall lacks this one
)

// The clocks that count the time in suspension.
const (
	// macOS: CLOCK_MONOTONIC_RAW goes on while the system is asleep, as CLOCK_MONOTONIC does, and is not adjusted.
	// (Go's own monotonic clock is mach_absolute_time, which stands still.)
	// https://keith.github.io/xcode-man-pages/clock_gettime.3.html
	darwinMonotonicRaw = 4
	// OpenBSD: CLOCK_BOOTTIME is the time since the system booted; CLOCK_UPTIME leaves out the time in suspension.
	// https://man.openbsd.org/clock_gettime.2
	openbsdBoottime = 6
)

// SinceBoot returns the time since this machine started, suspension included; 0 if the system has no such clock.
func SinceBoot() time.Duration {
	var clock int32 = darwinMonotonicRaw
	if runtime.GOOS == "openbsd" {
		clock = openbsdBoottime
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
