//go:build race

package fleet

import "time"

// The race detector makes a world thirty times as slow, and looks for other faults.
const (
	worldsByDefault  = 10
	NodesByDefault   = 16
	CountedByDefault = 2 * time.Minute
	TimingsByDefault = 1
)
