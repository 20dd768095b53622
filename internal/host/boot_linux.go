package host

import (
	"syscall"
	"time"
	"unsafe"
)

// clockBoottime is CLOCK_BOOTTIME: monotonic, and counts the time that the system is suspended.
// https://man7.org/linux/man-pages/man2/clock_gettime.2.html
const clockBoottime = 7

// SinceBoot returns the time since this machine started, suspension included; 0 if the system has no such clock.
func SinceBoot() time.Duration {
	var ts syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0
	}
	return time.Duration(ts.Nano())
}
