package requests

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudlease/leader/bench/internal/prices"
	"github.com/cloudlease/leader/bench/internal/report"
)

// A cost says how much a peer's lease costs in a month, in USD.
type cost struct {
	peer            string // its name
	ours            bool
	service         prices.Service
	leader, standby float64
}

func (c cost) both() float64 { return c.leader + c.standby }

// costs returns the costs of the peers whose service charges for requests.
func (r Result) costs() []cost {
	var all []cost
	for _, w := range r.Peers {
		if s, ok := prices.Find(w.Service); ok {
			all = append(all, cost{w.Name, w.Ours, s, s.Month(w.rate(w.Leading)), s.Month(w.rate(w.Waiting))})
		}
	}
	return all
}

// rate converts what was counted in a length of the lease. A request that is not known to be a write counts as a read.
func (w Watch) rate(inLength Count) prices.Rate {
	c := w.hourly(inLength)
	return prices.Rate{Writes: c.Writes, Reads: c.Reads + c.Others}
}

func dollars(usd float64) string { return fmt.Sprintf("$%.2f", usd) }

// writePrices writes what the clouds charge for the requests.
func (r Result) writePrices(b *strings.Builder) {
	costs := r.costs()
	if len(costs) == 0 {
		return
	}
	fmt.Fprintf(b, "\n### A month\n\nWhat the requests above cost in a month of %d hours, for one lease of %.0f s, at list prices in US dollars without free\n"+
		"tiers or discounts. Storage and traffic, less than a kilobyte each time, are not counted.\n\n", prices.HoursOfMonth, reference.Seconds())
	var rows, sources [][]string
	described := map[string]bool{}
	for _, c := range costs {
		name := c.service.Name
		if c.service.Doubt != "" {
			name += " (not verified)"
		}
		rows = append(rows, []string{c.peer, name, dollars(c.leader), dollars(c.both()), dollars(c.standby)})
		if described[c.service.Key] {
			continue
		}
		described[c.service.Key] = true
		classes := c.service.Write.String()
		if c.service.Read != c.service.Write {
			classes += "; " + c.service.Read.String()
		}
		doubt := ""
		if c.service.Doubt != "" {
			doubt = " Not verified: " + c.service.Doubt + "."
		}
		sources = append(sources, []string{
			c.service.Name, c.service.Region, classes, c.service.Classes + "." + doubt,
			fmt.Sprintf("<%s>, %s", c.service.Source, c.service.Checked),
		})
	}
	b.WriteString(report.Table([]string{"", "on", "leader alone", "leader and one standby", "each further standby"}, rows...))
	b.WriteString("\netcd, Redis, PostgreSQL and Kubernetes have no price for a request: they need a server that runs.\n\n")
	b.WriteString("The prices were looked up in copies and quotations of the providers' pages:\n\n")
	b.WriteString(report.Table([]string{"", "region", "price", "which requests", "source, and when it was looked up"}, sources...))
}

// key returns the most important result: whether the goals are met, and what the stores cost.
func (r Result) key() string {
	var parts []string
	met := 0
	for _, c := range r.Calls {
		if c.met() {
			met++
		}
	}
	switch {
	case len(r.Calls) == 0:
	case met == len(r.Calls):
		parts = append(parts, "a renewal, a poll and a release are one request each, on every store")
	default:
		parts = append(parts, fmt.Sprintf("%d of %d goals for the number of requests are missed", len(r.Calls)-met, len(r.Calls)))
	}
	if most := r.mostPolls(); most > 0 {
		parts = append(parts, fmt.Sprintf("a standby reads at most %s times in an acquire interval (goal: %g)", report.Figure(most), mostPolls))
	}
	ours := slices.DeleteFunc(r.costs(), func(c cost) bool { return !c.ours })
	if len(ours) > 0 {
		byCost := func(a, b cost) int { return cmp.Compare(a.both(), b.both()) }
		least, most := slices.MinFunc(ours, byCost), slices.MaxFunc(ours, byCost)
		parts = append(parts, fmt.Sprintf("a leader and a standby cost from %s a month (%s) to %s (%s)",
			dollars(least.both()), least.service.Name, dollars(most.both()), most.service.Name))
	}
	if len(parts) == 0 {
		return ""
	}
	text := strings.Join(parts, "; ") + "."
	return strings.ToUpper(text[:1]) + text[1:]
}

func (r Result) mostPolls() (most float64) {
	for _, w := range r.Peers {
		if w.Ours {
			most = max(most, w.polls())
		}
	}
	return most
}
