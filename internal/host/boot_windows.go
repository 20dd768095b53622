package host

import (
	"syscall"
	"time"
	"unsafe"
)

// QueryInterruptTime counts from the system's start, including sleep and hibernation; its sibling
// QueryUnbiasedInterruptTime leaves those out. Nobody can set it, and it ticks together with Go's monotonic clock.
// Windows 10 and Windows Server 2016, the oldest systems that Go supports, have it.
// https://learn.microsoft.com/en-us/windows/win32/sysinfo/interrupt-time
// https://learn.microsoft.com/en-us/windows/win32/api/realtimeapiset/nf-realtimeapiset-queryinterrupttime
var queryInterruptTime = syscall.NewLazyDLL("kernelbase.dll").NewProc("QueryInterruptTime")

// GetTickCount64 counts sleep, too, in steps of 10 to 16 ms. It is for systems that only resemble Windows: Wine 8 lacks
// QueryInterruptTime.
// https://learn.microsoft.com/en-us/windows/win32/api/sysinfoapi/nf-sysinfoapi-gettickcount64
var getTickCount64 = syscall.NewLazyDLL("kernel32.dll").NewProc("GetTickCount64")

// SinceBoot returns the time since this machine started, suspension included; 0 if the system has no such clock.
func SinceBoot() time.Duration {
	if queryInterruptTime.Find() != nil {
		return sinceBootInTicks()
	}
	var ticks uint64 // of 100 ns
	_, _, _ = syscall.SyscallN(queryInterruptTime.Addr(), uintptr(unsafe.Pointer(&ticks)))
	return time.Duration(ticks) * 100
}

func sinceBootInTicks() time.Duration {
	if getTickCount64.Find() != nil {
		return 0
	}
	low, high, _ := syscall.SyscallN(getTickCount64.Addr())
	ms := uint64(low)
	if unsafe.Sizeof(low) == 4 { // the result takes two registers
		ms |= uint64(high) << 32
	}
	return time.Duration(ms) * time.Millisecond
}
