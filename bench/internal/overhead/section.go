package overhead

import (
	"fmt"
	"strings"

	"github.com/cloudlease/leader/bench/internal/overhead/paired"
	"github.com/cloudlease/leader/bench/internal/report"
)

// titles are the services' names for people.
var titles = map[string]string{"dynamodb": "DynamoDB", "s3": "S3", "gcs": "GCS", "azblob": "Azure Blob"}

// Section returns this part of the page.
func (r Result) Section() (report.Section, error) {
	plot, err := r.plot()
	if err != nil {
		return report.Section{}, err
	}
	s := report.Section{
		Title:   "Overhead of the library",
		Command: "make bench PART=overhead",
		Key:     r.key(),
		Plots:   plot,
	}
	var b strings.Builder
	b.WriteString("What does a call of the library take that the SDK's own calls do not? Each call is measured beside the requests that it\n" +
		"makes, written by hand with the same SDK, the same client, the same conditions and as much data. The two take turns, in an\n" +
		"order that is drawn for each pair, on the same emulator and in one process.\n\n" +
		"A renewal is one conditional write. A poll asks for a lease that somebody else holds: one read. An acquisition of a free\n" +
		"lease is a read and a write; on Azure, a read and two writes.\n\n")
	b.WriteString(r.times())
	fmt.Fprintf(&b, "\nTimes are medians; in brackets is the 95 %% confidence interval, from a bootstrap of the pairs. The goal is a ratio of at\n"+
		"most %.2f: it is met or missed if the whole interval says so, else the measurement cannot tell. An emulator on the same machine\n"+
		"answers much sooner than a cloud, so the ratio is worse here than there; the difference, in microseconds, is the time that\n"+
		"the library itself takes, and it is the same in the cloud.\n\n", mostRatio)
	b.WriteString(r.memory())
	fmt.Fprintf(&b, "\nThat is the average of 50 calls, in the whole process: the HTTP connection's too. The goal is that a renewal makes at most\n"+
		"%d allocations more than the SDK does for its call. %s\n\n"+
		"Some of them are the price of evidence: the library takes an answer for the service's only if it shows that it is. So DynamoDB\n"+
		"repeats the old item and names the table, which the SDK then reads, and of Azure's answers the headers are kept and checked. The\n"+
		"requests by hand ask for none of that.\n\n", mostAllocations, r.verdict())
	b.WriteString(r.alone())
	b.WriteString("\nThese are the protocol's own, over a store that is a stand-in: it answers at once and allocates nothing. Nothing else is left\n" +
		"out. Each figure is of one goroutine, of `testing.Benchmark`. `lease/azblob` is not here: its protocol needs the service.\n")
	s.Text = b.String()
	return s, nil
}

// each calls f for the calls of all services.
func (r Result) each(f func(service string, c Call)) {
	for _, s := range r.Services {
		for _, c := range s.Calls {
			f(titles[s.Name], c)
		}
	}
}

func (r Result) times() string {
	var rows [][]string
	r.each(func(service string, c Call) {
		rows = append(rows, []string{
			service, c.Name, report.Figure(float64(c.Time.Pairs)), report.Figure(c.Time.Bare.Value / 1e6), report.Figure(c.Time.Ours.Value / 1e6),
			interval(c.Time.Ratio, 1, "%.3f"), interval(c.Time.Difference, 1e3, "%.0f"), goal(c.Time.Ratio),
		})
	})
	return report.Table([]string{"service", "call", "pairs", "SDK, ms", "leader, ms", "ratio", "difference, µs", "goal"}, rows...)
}

func interval(e paired.Estimate, unit float64, format string) string {
	return fmt.Sprintf(format+" ["+format+", "+format+"]", e.Value/unit, e.Low/unit, e.High/unit)
}

func goal(ratio paired.Estimate) string {
	switch {
	case ratio.High <= mostRatio:
		return "met"
	case ratio.Low > mostRatio:
		return "missed"
	}
	return "cannot tell"
}

func (r Result) memory() string {
	var rows [][]string
	r.each(func(service string, c Call) {
		rows = append(rows, []string{
			service, c.Name, report.Figure(c.Bare.Allocations), report.Figure(c.Ours.Allocations),
			fmt.Sprintf("%.1f", c.Ours.Allocations-c.Bare.Allocations), fmt.Sprintf("%.0f", c.Ours.Bytes-c.Bare.Bytes),
		})
	})
	return report.Table([]string{"service", "call", "allocations, SDK", "allocations, leader", "more allocations", "more bytes"}, rows...)
}

// verdict says where the goal for allocations is missed.
func (r Result) verdict() string {
	var missed []string
	r.each(func(service string, c Call) {
		if c.Name == "renew" && c.Ours.Allocations-c.Bare.Allocations >= mostAllocations+0.5 {
			missed = append(missed, service)
		}
	})
	if missed == nil {
		return "It is met."
	}
	return "It is missed on " + strings.Join(missed, " and ") + "."
}

func (r Result) alone() string {
	var rows [][]string
	for _, c := range r.Alone {
		rows = append(rows, []string{
			c.Call, report.Figure(float64(c.Nanoseconds) / 1e3), report.Figure(float64(c.Allocations)), report.Figure(float64(c.Bytes)),
		})
	}
	return report.Table([]string{"the protocol alone", "µs", "allocations", "bytes"}, rows...)
}

// key returns the worst result of renewals, which are most of all requests.
func (r Result) key() string {
	var worst Call
	where := ""
	r.each(func(service string, c Call) {
		if c.Name == "renew" && c.Time.Ratio.Value > worst.Time.Ratio.Value {
			worst, where = c, service
		}
	})
	if where == "" {
		return ""
	}
	key := fmt.Sprintf("A renewal takes %.2f times as long as the bare SDK call where it is worst, on %s's emulator", worst.Time.Ratio.Value, where)
	for _, c := range r.Alone {
		if c.Call == "renew" {
			key += fmt.Sprintf("; the protocol itself takes %s µs and %d allocations", report.Figure(float64(c.Nanoseconds)/1e3), c.Allocations)
		}
	}
	return key + "."
}

func (r Result) plot() ([]report.Plot, error) {
	var names []string
	bare, ours := report.Samples{Name: "SDK"}, report.Samples{Name: "leader"}
	r.each(func(service string, c Call) {
		names = append(names, service+", "+c.Name)
		bare.Values = append(bare.Values, c.Time.Bare.Value/1e6)
		ours.Values = append(ours.Values, c.Time.Ours.Value/1e6)
	})
	if names == nil {
		return nil, nil
	}
	svg, err := report.Bars("The same requests, by hand and by the library", report.Axis{Label: "milliseconds, median"}, names, bare, ours)
	return []report.Plot{{
		File: "overhead.svg", SVG: svg,
		Caption: "How long each call takes with the SDK alone and with the library, a pair of bars for each.",
	}}, err
}
