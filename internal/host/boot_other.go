//go:build !linux

package host

import "time"

// SinceBoot is the time since this machine started, suspension included; 0 where there is no such clock.
func SinceBoot() time.Duration { return 0 }
