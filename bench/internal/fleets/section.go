package fleets

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/cloudlease/leader/bench/internal/prices"
	"github.com/cloudlease/leader/bench/internal/report"
)

// perHour are the intervals of an hour.
const perHour = float64(3600) / (float64(length) / 3e9)

// edge allows for an interval that had begun before the window or ends after it.
const edge = 1.01

// Section returns this part of the page.
func (r Result) Section() (report.Section, error) {
	if len(r.Wires) == 0 {
		return report.Section{}, errors.New("no service was measured")
	}
	var b strings.Builder
	r.writeRequests(&b)
	r.writePrices(&b)
	r.writeFigures(&b)
	b.WriteString(report.Missing(r.Missing))
	w := r.Wires[0]
	return report.Section{
		Title: "A fleet", Command: "make bench PART=fleet", Text: b.String(),
		Key: fmt.Sprintf("%d nodes divide %s parts with %s writes and %s reads an hour, where a lease for each part takes %s writes.",
			nodes, report.Figure(parts), report.Figure(w.hourly(w.Writes)), report.Figure(w.hourly(w.Reads)), report.Figure(parts*perHour)),
	}, nil
}

// hourly converts a count of the window to whole requests per hour.
func (w Wire) hourly(n int) float64 { return math.Round(float64(n) * 3600 / w.Window) }

// most returns how many writes and reads an hour may have: a write and a read of each node, and the coordinator's write and look at each seat,
// in an interval. In Cloud Storage, the look at a seat that has no record yet is two reads: the first proves nothing.
func (w Wire) most() (writes, reads float64) {
	looks := float64(w.Width)
	if w.Service == "gcs" {
		looks += float64(w.Width - nodes)
	}
	return (nodes + 1) * perHour, (nodes + looks) * perHour
}

func (r Result) writeRequests(b *strings.Builder) {
	fmt.Fprintf(b, "%d nodes divide %s parts, in one process, with leases of %.0f s. Once they were in balance, all requests that reached the service\n"+
		"were counted on their way for %s s, and are given for an hour. The goal: in an interval, a write and a read of each node, and a\n"+
		"write and a look at each seat of the coordinator. (In Cloud Storage, the look at a seat that nobody has held yet is two reads: an answer\n"+
		"without an object does not prove that there is none.)\n\n", nodes, report.Figure(parts), length.Seconds(), report.Figure(math.Round(r.Wires[0].Window)))
	var rows [][]string
	for _, w := range r.Wires {
		writes, reads := w.most()
		rows = append(rows, []string{
			w.Name, report.Figure(w.hourly(w.Writes)), report.Figure(writes), report.Figure(w.hourly(w.Reads)), report.Figure(reads),
			report.Figure(float64(w.Width)), report.Met(w.hourly(w.Writes) <= writes*edge && w.hourly(w.Reads+w.Others) <= reads*edge),
		})
	}
	b.WriteString(report.Table([]string{"", "writes an hour", "goal", "reads an hour", "goal", "seats that are looked at", "goal"}, rows...))
	for _, f := range r.Figures {
		if f.Unit == anHour {
			fmt.Fprintf(b, "\nIn virtual time, of a whole hour: %s: %s.\n", f.What, report.Figure(math.Round(f.Median)))
		}
	}
}

// Units of figures that are not in the table.
const (
	anHour  = "an hour"
	seconds = "s"
)

func (r Result) writePrices(b *strings.Builder) {
	fmt.Fprintf(b, "\n### What it costs in a month\n\n%s", aboutPrices)
	var rows [][]string
	for _, w := range r.Wires {
		s, ok := prices.Find(w.Service)
		if !ok {
			continue
		}
		rows = append(rows,
			[]string{"a fleet of " + w.Name, report.Figure(w.hourly(w.Writes)), report.Figure(w.hourly(w.Reads + w.Others)), "measured", dollars(s.Month(w.rate()))},
			[]string{"a lease for each part, " + w.Name, report.Figure(parts * perHour), "0", "computed", dollars(s.Month(prices.Rate{Writes: parts * perHour}))})
		for _, o := range others {
			if o.service == w.Service {
				rate := o.rate()
				rows = append(rows, []string{o.name, report.Figure(math.Round(rate.Writes)), report.Figure(math.Round(rate.Reads)), "computed", dollars(s.Month(rate))})
			}
		}
	}
	b.WriteString(report.Table([]string{"", "writes an hour", "reads an hour", "", "a month"}, rows...))
	b.WriteString("\n")
	for _, o := range others {
		fmt.Fprintf(b, "- %s: %s\n", o.name, o.how)
	}
}

// rate returns what the service bills. DynamoDB bills a write for each KB of the item: the coordinator's, which has the plan, for several.
func (w Wire) rate() prices.Rate {
	r := prices.Rate{Writes: w.hourly(w.Writes), Reads: w.hourly(w.Reads + w.Others)}
	if w.Service == "dynamodb" {
		const besides = 512 // bytes of the item that are not the plan, at most
		units := math.Ceil(float64(w.PlanBytes+besides) / 1024)
		r.Writes += (units - 1) * perHour
	}
	return r
}

func dollars(usd float64) string { return fmt.Sprintf("$%.2f", usd) }

func (r Result) writeFigures(b *strings.Builder) {
	fmt.Fprintf(b, "\n### How long it takes\n\n%s", aboutTimes)
	var times, single [][]string
	for _, f := range r.Figures {
		switch f.Unit {
		case anHour:
		case seconds:
			lengths := func(s float64) string { return report.Figure(math.Round(s/length.Seconds()*100) / 100) }
			times = append(times, []string{f.What, report.Figure(f.Median), report.Figure(f.P99), report.Figure(f.Longest),
				lengths(f.Median), lengths(f.P99), report.Figure(float64(f.Of))})
		default:
			single = append(single, []string{f.What, report.Figure(math.Round(f.Median*100) / 100), f.Unit, f.goal()})
		}
	}
	b.WriteString(report.Table([]string{"", "median, s", "99 %, s", "longest, s", "median, lease lengths", "99 %, lease lengths", "of"}, times...))
	b.WriteString("\n### What else was measured\n\n")
	b.WriteString(report.Table([]string{"", "", "unit", "goal"}, single...))
}

// goals are the most that a figure may be, by the words that its name begins with.
var goals = []struct {
	of   string
	most float64
}{
	{"200 nodes that start at once: to balance", 10},
	{"rolling restart, in place", 1.2},
	{"rolling restart, the new node first", 1.02},
	{"10,000 parts in one process: memory besides the work", 1024},
}

func (f Figure) goal() string {
	for _, g := range goals {
		if f.What == g.of {
			return fmt.Sprintf("at most %s: %s", report.Figure(g.most), report.Met(math.Round(f.Median*100)/100 <= g.most))
		}
	}
	return ""
}
