// Package report makes docs/benchmarks.md from the results of measurements.
package report

// A Section is one part of the page.
type Section struct {
	Title   string
	Command string // measures it again, from the top of the repository
	Key     string // Markdown, one sentence: its most important figure, for the top of the page; "": none
	Text    string // Markdown: what was measured, a table (Table), what it means, and the limits of the measurement
	Plots   []Plot
}

// A Plot is a picture beside the page.
type Plot struct {
	File    string // its name: failover.svg
	Caption string // describes the picture, also for those who cannot see it
	SVG     []byte // from ECDF, Bars or Lines
}
