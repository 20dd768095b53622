//go:build !linux

package candidate

import "time"

// Now returns the wall clock's time: this system has no other that all processes share. Nobody may step it meanwhile.
func Now() time.Duration { return time.Duration(time.Now().UnixNano()) }
