package requests

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cloudlease/leader/bench/internal/report"
)

// mostPolls is how many reads a standby of this library may send in an acquire interval.
const mostPolls = 1.05

// Section returns this part of the page.
func (r Result) Section() (report.Section, error) {
	s := report.Section{
		Title:   "Requests, and what they cost",
		Command: "make bench PART=requests",
		Key:     r.key(),
	}
	var b strings.Builder
	b.WriteString("Every request that reached the service was counted on its way: an HTTP request, a command of Redis, a statement of\n" +
		"PostgreSQL, a message of etcd's protocol. A client that tries again by itself counts again.\n")
	r.writeCalls(&b)
	r.writePeers(&b)
	r.writePrices(&b)
	s.Text = b.String()
	hours, err := r.bars()
	if err != nil {
		return s, err
	}
	s.Plots = []report.Plot{hours}
	return s, nil
}

// writeCalls writes what single calls of this library take.
func (r Result) writeCalls(b *strings.Builder) {
	if len(r.Calls) == 0 {
		return
	}
	fmt.Fprintf(b, "\n### A call of this library\n\nEach was counted %d times, on a lease that had been held before. The goals: "+
		"a renewal, a poll of a lease that\nsomebody holds and a release are one request each; an acquisition is a read and a write, on Azure three requests.\n\n",
		r.Calls[0].number())
	rows, at := [][]string{}, map[string]int{}
	var missed []string
	for _, c := range r.Calls {
		i, ok := at[c.Peer]
		if !ok {
			i = len(rows)
			at[c.Peer], rows = i, append(rows, append([]string{c.Peer}, make([]string, len(Ops)+1)...))
			rows[i][len(Ops)+1] = report.Met(true)
		}
		if j := slices.Index(Ops, c.Op); j >= 0 {
			rows[i][j+1] = c.String()
		}
		if !c.met() {
			rows[i][len(Ops)+1] = report.Met(false)
			missed = append(missed, c.Op+" on "+c.Peer)
		}
	}
	b.WriteString(report.Table(append(append([]string{""}, Ops...), "goal"), rows...))
	if len(missed) > 0 {
		fmt.Fprintf(b, "\nMissed: %s.\n", strings.Join(missed, ", "))
	}
	for _, c := range r.Calls {
		if len(c.Counts) == 1 && c.First != c.Counts[0].Count {
			fmt.Fprintf(b, "\nThe very first %s of a lease of that name, on %s: %s.\n", c.Op, c.Peer, c.First)
		}
	}
}

// number returns how many calls were counted.
func (c Call) number() (n int) {
	for _, t := range c.Counts {
		n += t.Times
	}
	return n
}

// met reports whether every one of the calls met the goal.
func (c Call) met() bool { return len(c.Counts) == 1 && c.Counts[0].Count == goal(c.Service, c.Op) }

// String says what all of the calls took, or how they differ.
func (c Call) String() string {
	var all []string
	for _, t := range c.Counts {
		text := t.Count.String()
		if len(c.Counts) > 1 {
			text = fmt.Sprintf("%d times %s", t.Times, text)
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func (c Count) String() string {
	var parts []string
	for _, p := range []struct {
		n    float64
		name string
	}{{c.Reads, "read"}, {c.Writes, "write"}, {c.Others, "other"}} {
		text := report.Figure(p.n) + " " + p.name
		if p.n != 1 {
			text += "s"
		}
		if p.n != 0 {
			parts = append(parts, text)
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// writePeers writes what all peers take while they lead and wait.
func (r Result) writePeers(b *strings.Builder) {
	fmt.Fprintf(b, "\n### An hour, a start and an end of each\n\nOne leader was watched alone, and then with %d standbys, for %s each time,\n"+
		"once they had settled; what the standbys added is theirs.\nThe figures are requests per hour with a lease of %.0f s, at the intervals that each has by default for such a lease.\n"+
		"%s An acquisition is all that a node sends\nfrom its start to that of its work, the opening of its session included; a release, "+
		"what it sends from the end of its\ncontext on. Both are the median of %s.\n\n",
		r.standbys(), r.lasting(), reference.Seconds(), r.lengths(), r.cycles())
	var rows [][]string
	for _, w := range r.Peers {
		polls := "-"
		if w.Ours && w.Poll > 0 {
			if polls = report.Figure(w.polls()); w.polls() > mostPolls {
				polls += " (" + report.Met(false) + ")"
			}
		}
		rows = append(rows, []string{
			w.Name, w.hourly(w.Leading).String(), w.hourly(w.Waiting).String(), polls, median(w.Acquire).String(), median(w.Release).String(),
		})
	}
	b.WriteString(report.Table([]string{"", "leader, per hour", "each standby, per hour", "reads of a standby per acquire interval", "acquisition", "release"}, rows...))
	fmt.Fprintf(b, "\nA standby of this library looks just after each renewal, for which it may read %g times in an acquire interval: that is the goal.\n", mostPolls)
	for _, w := range r.Peers {
		if w.Ended > 0 {
			fmt.Fprintf(b, "\nWhile %s was watched, %d terms ended by themselves: its figures are not those of a steady state.\n", w.Name, w.Ended)
		}
	}
	b.WriteString("\nHow each renews and waits, and what was measured on:\n\n")
	for _, w := range r.Peers {
		version := ""
		if w.Version != "" {
			version = " (" + w.Service + " " + w.Version + ")"
		}
		fmt.Fprintf(b, "- %s%s: %s\n", w.Name, version, w.Notes)
	}
	b.WriteString(report.Missing(r.Missing))
}

// standbys, lasting and cycles say how it was measured, which is the same for all peers.
func (r Result) standbys() int {
	if len(r.Peers) == 0 {
		return 0
	}
	return r.Peers[0].Standbys
}

func (r Result) lasting() string {
	if len(r.Peers) == 0 {
		return "no time"
	}
	return report.Figure(r.Peers[0].Lengths*r.Peers[0].Length) + " s"
}

func (r Result) cycles() string {
	if len(r.Peers) == 0 {
		return "none"
	}
	return report.Figure(float64(len(r.Peers[0].Acquire)))
}

// lengths says with which leases the peers were watched.
func (r Result) lengths() string {
	for _, w := range r.Peers {
		if w.Length != reference.Seconds() {
			return fmt.Sprintf("Where this library's lease can be as short, it was watched with one of %s s, and the figures were taken to %.0f s:\nall its intervals are thirds of the length.",
				report.Figure(w.Length), reference.Seconds())
		}
	}
	return ""
}

// polls returns how many reads a standby sends in an acquire interval.
func (w Watch) polls() float64 { return w.Waiting.Reads * w.Poll / w.Length }

// hourly converts what was counted in a length of the lease to whole requests per hour. Up to two requests in a watch count as
// none: they may be there only because of where the watch began or ended.
func (w Watch) hourly(inLength Count) Count {
	round := func(v float64) float64 {
		if v*w.Lengths <= 2 {
			return 0
		}
		return math.Round(v * 3600 / reference.Seconds())
	}
	return Count{round(inLength.Reads), round(inLength.Writes), round(inLength.Others)}
}

// median returns the count with the median total.
func median(counts []Count) Count {
	if len(counts) == 0 {
		return Count{}
	}
	sorted := slices.SortedFunc(slices.Values(counts), func(a, b Count) int {
		switch {
		case a.Total() < b.Total():
			return -1
		case a.Total() > b.Total():
			return 1
		}
		return 0
	})
	return sorted[len(sorted)/2]
}

// bars draws the requests per hour.
func (r Result) bars() (report.Plot, error) {
	var names []string
	leader, standby := report.Samples{Name: "leader"}, report.Samples{Name: "each standby"}
	for _, w := range r.Peers {
		names = append(names, w.Name)
		leader.Values = append(leader.Values, w.hourly(w.Leading).Total())
		standby.Values = append(standby.Values, w.hourly(w.Waiting).Total())
	}
	svg, err := report.Bars(fmt.Sprintf("Requests per hour, with a lease of %.0f s", reference.Seconds()), report.Axis{Label: "requests per hour"}, names, leader, standby)
	return report.Plot{
		File:    "requests.svg",
		Caption: "Requests per hour of the leader and of each standby, of all kinds, by peer: short bars are good.",
		SVG:     svg,
	}, err
}
