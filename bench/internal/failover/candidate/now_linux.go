package candidate

import (
	"time"

	"golang.org/x/sys/unix"
)

// Now returns the time by CLOCK_MONOTONIC, which all processes of a machine share.
func Now() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // the kernel has no such clock
	}
	return time.Duration(ts.Nano())
}
