//go:build race

package simulate

// The race detector makes a world ten times as slow, and looks for other faults.
const (
	worldsByDefault = 20
	stepsOfRewinds  = 2
	runTwice        = 8
)
