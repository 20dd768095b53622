//go:build !race

package simulate

const worldsByDefault = 10_000
