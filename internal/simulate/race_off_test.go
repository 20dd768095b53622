//go:build !race

package simulate

const (
	worldsByDefault = 5_000
	stepsOfRewinds  = 15
	runTwice        = 80
)
