//go:build unix && !linux

package commandtest

import "syscall"

// Alive reports whether there is such a process, be it only one that nobody has waited for.
func Alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
