//go:build !race

package explore

const (
	faultsByDefault = 1
	depthOfTrees    = 7
	depthOfWalks    = 12
	depthOfOthers   = 0 // all of it
	walks           = 100
)
