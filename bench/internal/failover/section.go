package failover

import (
	"fmt"
	"math"
	"strings"

	"github.com/cloudlease/leader/bench/internal/report"
)

// Section returns this part of the page.
func (r Result) Section() (report.Section, error) {
	s := report.Section{
		Title:   "Failover",
		Command: "make bench PART=failover",
		Key:     r.key(),
	}
	var b strings.Builder
	fmt.Fprintf(&b, "How long does nobody lead? Each peer has %d groups of three processes, each group with a separate lease. The processes are\n"+
		"real: they are killed with SIGKILL, or told to end with SIGTERM. All peers are measured side by side. Before it goes, a leader\n"+
		"leads for a random time between %s and %s of its renew intervals, so that the standbys know its rhythm.\n",
		r.Groups, report.Figure(r.LeadFrom), report.Figure(r.LeadTo))
	r.writeKills(&b)
	r.writeHandovers(&b)
	r.writeFresh(&b)
	r.writeNotes(&b)
	s.Text = b.String()
	var err error
	s.Plots, err = r.plots()
	return s, err
}

func (r Result) key() string {
	low, high := math.Inf(1), math.Inf(-1) // 99 % of the kills
	var others []string
	for _, of := range r.Peers {
		if len(of.AfterRenewal) == 0 {
			continue
		}
		p99 := quantile(of.lengths(of.AfterRenewal), 0.99)
		if of.Ours {
			low, high = min(low, p99), max(high, p99)
		} else if len(of.waited()) > 0 {
			others = append(others, of.Name+" "+lengths(p99))
		}
	}
	if low > high {
		return ""
	}
	text := fmt.Sprintf("After a leader is killed, 99 %% of the next ones start within %s to %s lease lengths of the last renewal, by store",
		lengths(low), lengths(high))
	if len(others) > 0 {
		text += "; others: " + strings.Join(others, ", ")
	}
	return text + "."
}

// lengths writes a number of lease lengths, or of intervals, with two decimals, so that columns can be compared.
func lengths(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.2f", v)
}

// lengths returns samples in lease lengths.
func (of Of) lengths(samples []float64) []float64 { return scaled(samples, 1/(1000*of.Length)) }

// waited returns the kills in lease lengths, if the peer's standbys wait for the lease's end; else none. A standby may begin a
// little before that end: client-go's records have whole seconds.
func (of Of) waited() []float64 {
	if after := of.lengths(of.AfterRenewal); quantile(after, 0.5) > 0.9 {
		return after
	}
	return nil
}

// goal is the most lease lengths that 99 % of this library's takeovers may take.
const goal = 1.05

// allowed returns what this library promises (L1 of its design), in lease lengths: a lease's length and an acquire interval.
// The request that L1 also allows is not counted.
func (of Of) allowed() float64 { return 1 + of.AcquireEvery/of.Length }

func (r Result) writeKills(b *strings.Builder) {
	rows, judged, aimed := [][]string{}, []string{}, []string{}
	for _, of := range r.Peers {
		if len(of.AfterRenewal) == 0 {
			continue
		}
		after := of.lengths(of.AfterRenewal)
		row := []string{of.Name, fmt.Sprint(len(after))}
		for _, q := range []float64{0.5, 0.9, 0.99, 1} {
			row = append(row, lengths(quantile(after, q)))
		}
		rows = append(rows, append(row, report.Figure(quantile(of.AfterKill, 0.5)/1000), fmt.Sprint(of.Terms), fmt.Sprint(of.Overlaps)))
		if of.Ours {
			judged = append(judged, verdict(of.Name, after, of.allowed(), "lease lengths"))
			p99 := quantile(after, 0.99)
			aimed = append(aimed, fmt.Sprintf("%s: %s (%.3f)", of.Name, report.Met(p99 <= goal), p99))
		}
	}
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n### The leader is killed\n\nIn lease lengths, from when the last renewal that succeeded was sent (or the acquisition, if there was none) until the next\n" +
		"leader's work begins. The kill comes at a random moment, but never in the middle of a renewal, as nobody knows whether that one\n" +
		"counts. A lease that nobody gives back holds for 1.00. Terms are all times that somebody led; they overlap if one begins before\n" +
		"another's work has ended or its process was killed.\n\n")
	b.WriteString(report.Table([]string{"", "kills", "median", "90 %", "99 %", "longest", "median after the kill, s", "terms", "overlaps"}, rows...))
	if len(judged) > 0 {
		fmt.Fprintf(b, "\nThe goal is that 99 %% of the kills take at most %s lease lengths: %s.\n", lengths(goal), strings.Join(aimed, "; "))
		b.WriteString("Here a leader dies every minute or so. A standby falls into step by looking more often for a while, of which it may do only so\n" +
			"much (at most 1.05 looks in an acquire interval on average), so after several deaths in a row some are out of step for a few\n" +
			"minutes: these are the stragglers. Where leaders lead for three minutes or more, in virtual time and with requests of up to\n" +
			"40 ms, 95 % take at most 1.04: `go test -v -run TestStandbysLookInStep .`\n")
		b.WriteString("\nThis library promises that the next leader starts within a lease length, an acquire interval and a request, which is left out\nhere: " +
			strings.Join(judged, "; ") + ".\n")
	}
	b.WriteString("\nPostgreSQL's lock is not a lease. When a process is killed, its system closes the connection, and the server frees the lock at\n" +
		"once: the figures here show that. A machine that vanishes closes nothing. Then TCP keepalive decides, which is two hours on most\n" +
		"systems unless it is configured, and the lock is held until then. A lease, etcd's too, does not depend on that: the\n" +
		"figures here hold for it.\n")
}

// verdict says whether a promise is kept.
func verdict(name string, values []float64, limit float64, unit string) string {
	n := above(values, limit)
	if n == 0 {
		return fmt.Sprintf("%s: met (at most %s of %s)", name, lengths(quantile(values, 1)), lengths(limit))
	}
	return fmt.Sprintf("%s: **missed** in %d of %d (at most %s, not %s %s)", name, n, len(values), lengths(quantile(values, 1)), lengths(limit), unit)
}

func (r Result) writeHandovers(b *strings.Builder) {
	rows, judged := [][]string{}, []string{}
	for _, of := range r.Peers {
		if len(of.Handovers) == 0 {
			continue
		}
		row := []string{of.Name, fmt.Sprint(len(of.Handovers)), report.Figure(quantile(of.Handovers, 0.5) / 1000), report.Figure(quantile(of.Handovers, 1) / 1000), "-", "-"}
		if of.AcquireEvery > 0 {
			intervals := scaled(of.Handovers, 1/(1000*of.AcquireEvery))
			row[4], row[5] = lengths(quantile(intervals, 0.5)), lengths(quantile(intervals, 1))
			if of.Ours {
				judged = append(judged, verdict(of.Name, intervals, 1, "intervals"))
			}
		}
		after := of.lengths(of.Handovers)
		rows = append(rows, append(row, lengths(quantile(after, 0.5)), lengths(quantile(after, 1))))
	}
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n### The leader hands over\n\nFrom the answer to the release (or the end of the work, if there was none) until the next leader's work begins. A service that\n" +
		"tells the standby itself may do so before it answers the one who leaves: that counts as 0.\n\n")
	b.WriteString(report.Table([]string{"", "hand-overs", "median, s", "longest, s", "median, acquire intervals", "longest, acquire intervals", "median, lease lengths", "longest, lease lengths"}, rows...))
	if len(judged) > 0 {
		b.WriteString("\nThis library promises an acquire interval and a request, which is left out here: " + strings.Join(judged, "; ") + ".\n")
	}
}

func (r Result) writeFresh(b *strings.Builder) {
	var rows [][]string
	for _, of := range r.Peers {
		if len(of.Fresh) == 0 {
			continue
		}
		beyond := of.beyond()
		rows = append(rows, []string{
			of.Name, fmt.Sprint(len(beyond)), lengths(quantile(of.lengths(of.Fresh), 0.5)), lengths(quantile(of.lengths(of.Fresh), 1)),
			report.Figure(quantile(beyond, 0.5)), report.Figure(quantile(beyond, 1)),
		})
	}
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n### No standby\n\nA job that a timer starts has no standby that has watched the lease. Here the leader is killed, and a new process is started\n" +
		"every second, which makes a single try (RunOnce) and ends if it is refused. From the leader's last renewal until one of them\n" +
		"leads:\n\n")
	b.WriteString(report.Table([]string{"", "kills", "median, lease lengths", "longest, lease lengths", "median, s after the lease's end", "longest, s after the lease's end"}, rows...))
	b.WriteString("\nA process that was just started cannot have watched the lease run out. It takes the store's word for how old the last renewal\n" +
		"is, and to be safe takes off a second, as these times are in whole seconds, and two more, by which the store's machines may\n" +
		"disagree. DynamoDB has no time of its own in its records: there, the writer's bound on it costs some two seconds more. Azure\n" +
		"ends its leases itself, and on files the machine's own clock tells. Up to a second is that between two tries. The others are not\n" +
		"asked here: they have no such single try, or always wait a whole lease length.\n")
}

// beyond returns how many seconds after the lease's end fresh processes led.
func (of Of) beyond() []float64 {
	out := scaled(of.Fresh, 1e-3)
	for i := range out {
		out[i] -= of.Length
	}
	return out
}

func (r Result) writeNotes(b *strings.Builder) {
	b.WriteString("\n### What was used\n\n")
	for _, of := range r.Peers {
		service := of.Service
		if of.Version != "" {
			service += " " + of.Version
		}
		fmt.Fprintf(b, "- %s (%s), lease of %s s. %s\n", of.Name, service, report.Figure(of.Length), of.Notes)
	}
	b.WriteString(report.Missing(r.Missing))
	b.WriteString("\nLimits: one machine has all processes and services, so requests take a millisecond or a few, and all wall clocks agree. Standbys\n" +
		"of this library look for the leader's rhythm by these clocks first; where they differ, it takes them some renewals more, and on\n" +
		"Azure they are not in step at all.\n" +
		"A new process is started in the place of one that is gone a random part of a renew interval after the next one leads.\n")
	if len(r.Pauses) > 0 {
		fmt.Fprintf(b, "The machine stood still, or its clock was stepped, %d times meanwhile, by up to %s s: leases then run out by some clocks and not by\n"+
			"others, and terms end or overlap that would not.\n", len(r.Pauses), report.Figure(quantile(r.Pauses, 1)))
	}
	for _, of := range r.Peers {
		var odd []string
		for _, o := range []struct {
			n    int
			what string
		}{
			{of.Lost, "terms ended before anybody meant them to"},
			{of.Discarded, "kills are left out, as they met a renewal"},
			{of.Disturbed, "kills and hand-overs are left out, as the machine paused"},
			{len(of.Problems), "processes ended by themselves"},
		} {
			if o.n > 0 {
				odd = append(odd, fmt.Sprintf("%d %s", o.n, o.what))
			}
		}
		if len(odd) > 0 {
			fmt.Fprintf(b, "\nOf %s: %s.\n", of.Name, strings.Join(odd, ", "))
		}
	}
}

func (r Result) plots() ([]report.Plot, error) {
	var plots []report.Plot
	for _, draw := range []struct {
		file, title, axis, caption string
		samples                    func(Of) []float64
		marks                      []report.Mark
	}{
		{"failover.svg", "The leader is killed", "lease lengths from the last renewal to the next start",
			"The part of the kills after which the next leader had started, by the time since the last renewal. The further to the left, the sooner; 1 is the lease's end. A lock that the closed connection frees is left out.",
			Of.waited, []report.Mark{{Name: "the lease's end", Value: 1}}},
		{"handover.svg", "The leader hands over", "lease lengths from the release to the next start",
			"The part of the hand-overs after which the next leader had started, by the time since the release. Services that tell their standbys are at the left edge.",
			func(of Of) []float64 { return of.lengths(of.Handovers) }, nil},
		{"fresh.svg", "No standby: a process each second", "seconds from the lease's end to the next start",
			"The part of the kills after which a fresh process led, by the time since the lease's end.",
			Of.beyond, nil},
	} {
		var series []report.Samples
		for _, of := range r.Peers {
			if values := draw.samples(of); len(values) > 0 {
				series = append(series, report.Samples{Name: of.Name, Values: values})
			}
		}
		if len(series) == 0 {
			continue
		}
		svg, err := report.ECDF(draw.title, report.Axis{Label: draw.axis, Marks: draw.marks}, series...)
		if err != nil {
			return nil, err
		}
		plots = append(plots, report.Plot{File: draw.file, Caption: draw.caption, SVG: svg})
	}
	return plots, nil
}
