package size

import (
	"fmt"
	"strings"

	"github.com/cloudlease/leader/bench/internal/report"
)

// titles are the stores' names for people.
var titles = map[string]string{
	"dynamodb": "DynamoDB", "s3": "S3", "gcs": "GCS", "azblob": "Azure Blob", "file": "a directory", "memory": "memory",
}

// Section returns this part of the page.
func (r Result) Section() (report.Section, error) {
	s := report.Section{
		Title:   "Size and start-up",
		Command: "make bench PART=size",
		Key:     r.key(),
	}
	var b strings.Builder
	b.WriteString("How much does a program grow with the library, and how soon does it lead? For each store there are two small programs:\n" +
		"one with a leader, as the README has it (`bench/internal/minimal`), and one that does the same requests with the service's\n" +
		"SDK alone (`bench/internal/minimal/bare`). For a directory and for memory there is no SDK, so the other program only\n" +
		"prints a line. All are built in the library's own module, so their dependencies are those that a user gets.\n\n")
	b.WriteString(r.sizes())
	b.WriteString("\nMegabytes are millions of bytes. Stripped means built with `-trimpath -ldflags='-s -w'`. Packages are those that\n" +
		"are compiled, but for the standard library's; modules are those that `go version -m` lists. The programs on Azure open their\n" +
		"container with a connection string; one that opens a URL with `lease/azblob/byurl` gets `azidentity` on top.\n\n")
	b.WriteString(r.starts())
	b.WriteString("\nThat is the time from before a process is started until the first byte of what it writes: with the library, when its\n" +
		"work begins to run, so the lease was acquired; without, when both requests (on Azure four) were answered. The emulator is\n" +
		"on the same machine. The two programs take turns, in an order that is drawn for each pair. Times are medians, in brackets\n" +
		"is the 95 % confidence interval. Both programs are in the system's file cache.\n")
	s.Text = b.String()
	if len(r.Programs) == 0 {
		return s, nil
	}
	plot, err := r.plot()
	s.Plots = []report.Plot{plot}
	return s, err
}

func mega(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/1e6) }

func (r Result) sizes() string {
	var rows [][]string
	for _, p := range r.Programs {
		rows = append(rows, []string{
			titles[p.Name], mega(p.Bare.Bytes), mega(p.Ours.Bytes), mega(p.Bare.Stripped), mega(p.Ours.Stripped),
			mega(p.Ours.Stripped - p.Bare.Stripped), fmt.Sprint(p.Bare.Others), fmt.Sprint(p.Ours.Others),
			fmt.Sprint(p.Bare.Modules), fmt.Sprint(p.Ours.Modules),
		})
	}
	return report.Table([]string{
		"store", "SDK alone, MB", "leader, MB", "SDK alone, stripped", "leader, stripped", "difference, MB",
		"packages, SDK", "packages, leader", "modules, SDK", "modules, leader",
	}, rows...)
}

func (r Result) starts() string {
	var rows [][]string
	for _, p := range r.Programs {
		d := p.Start.Difference
		rows = append(rows, []string{
			titles[p.Name], fmt.Sprint(p.Start.Pairs), report.Figure(p.Start.Bare.Value / 1e6), report.Figure(p.Start.Ours.Value / 1e6),
			fmt.Sprintf("%.2f [%.2f, %.2f]", d.Value/1e6, d.Low/1e6, d.High/1e6),
		})
	}
	return report.Table([]string{"store", "starts", "SDK alone, ms", "until it leads, ms", "difference, ms"}, rows...)
}

// key tells about the program that grows most.
func (r Result) key() string {
	var most Program
	grown := func(p Program) int64 { return p.Ours.Stripped - p.Bare.Stripped }
	for _, p := range r.Programs {
		if most.Name == "" || grown(p) > grown(most) {
			most = p
		}
	}
	if most.Name == "" {
		return ""
	}
	return fmt.Sprintf("The library adds %s MB to a stripped program where it adds most, on %s, of %s MB.",
		mega(grown(most)), titles[most.Name], mega(most.Ours.Stripped))
}

func (r Result) plot() (report.Plot, error) {
	var names []string
	bare, ours := report.Samples{Name: "SDK alone"}, report.Samples{Name: "leader"}
	for _, p := range r.Programs {
		names = append(names, titles[p.Name])
		bare.Values = append(bare.Values, float64(p.Bare.Stripped)/1e6)
		ours.Values = append(ours.Values, float64(p.Ours.Stripped)/1e6)
	}
	svg, err := report.Bars("A small program, stripped", report.Axis{Label: "millions of bytes"}, names, bare, ours)
	return report.Plot{
		File: "size.svg", SVG: svg,
		Caption: "How large a small program on each store is, with the service's SDK alone and with the library.",
	}, err
}
