//go:build !race

package simulate

const worldsByDefault = 2000
