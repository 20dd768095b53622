//go:build !linux && !windows && !darwin && !openbsd

package host

import "time"

// SinceBoot returns the time since this machine started, suspension included; 0 if the system has no such clock.
// FreeBSD has none: its CLOCK_BOOTTIME is another name of CLOCK_MONOTONIC, which stands still while the system is
// suspended (https://reviews.freebsd.org/D39270). NetBSD, DragonFly BSD, illumos and AIX have no such clock that Go can
// read.
func SinceBoot() time.Duration { return 0 }
