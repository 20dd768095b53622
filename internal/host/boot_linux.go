package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// clockBoottime is CLOCK_BOOTTIME: monotonic, and counts the time that the system is suspended.
// https://man7.org/linux/man-pages/man2/clock_gettime.2.html
const clockBoottime = 7

// SinceBoot returns the time since this machine started, suspension included; 0 if the system has no such clock.
func SinceBoot() time.Duration {
	if inGVisor() {
		return 0
	}
	var ts syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0
	}
	return time.Duration(ts.Nano())
}

// inGVisor reports whether the kernel is gVisor's (GKE Sandbox). There CLOCK_BOOTTIME is another name of CLOCK_MONOTONIC, which
// need not count the time that the machine is suspended: getClock in pkg/sentry/syscalls/linux/sys_time.go of
// https://github.com/google/gvisor.
var inGVisor = sync.OnceValue(func() bool { return isGVisors("/proc/sys/kernel/random") })

// isGVisors reports whether the directory is that of gVisor (newSysDir in pkg/sentry/fsimpl/proc/tasks_sys.go): of the files that
// Linux has beside the ID of the boot, it has uuid alone.
func isGVisors(random string) bool {
	_, uuid := os.Stat(filepath.Join(random, "uuid"))
	_, entropy := os.Stat(filepath.Join(random, "entropy_avail"))
	return uuid == nil && errors.Is(entropy, fs.ErrNotExist)
}
