//go:build !race

package fleet

import "time"

const (
	worldsByDefault  = 100
	NodesByDefault   = 40
	CountedByDefault = 10 * time.Minute
	TimingsByDefault = 5
)
