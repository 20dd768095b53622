// Package report makes docs/benchmarks.md of what was measured.
package report

// A Section is one part of the page.
type Section struct {
	Title   string
	Command string // that measures it again, from the top of the repository
	Key     string // Markdown, one sentence: its most important figure, for the top of the page; "": none
	Text    string // Markdown: what was measured, a table (Table), what it means, and the limits of the measurement
	Plots   []Plot
}

// A Plot is a picture beside the page.
type Plot struct {
	File    string // its name: failover.svg
	Caption string // what is to be seen in it, also for those who do not see it
	SVG     []byte // made by ECDF, Bars or Lines
}
