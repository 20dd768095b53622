//go:build race

package explore

// The race detector makes an exploration ten times as slow, and looks for other faults.
const (
	faultsByDefault = 0
	depthOfTrees    = 5
	depthOfWalks    = 8
	depthOfOthers   = 10
	walks           = 10
)
