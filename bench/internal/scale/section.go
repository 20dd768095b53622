package scale

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudlease/leader/bench/internal/report"
)

// The goals: what a leading lease may use besides its work.
const (
	mostBytes      = 8 << 10
	mostGoroutines = 3 // including that of its work
)

// linear is how much more a lease of the largest process may use than one of a hundred, if growth is to be called linear.
const linear = 1.25

// Section returns this part of the page.
func (r Result) Section() (report.Section, error) {
	var rows [][]string
	var lines []report.Line
	for _, role := range []Role{Leading, Standby} {
		line := report.Line{Name: string(role)}
		for _, c := range r.Costs {
			if c.Role != role {
				continue
			}
			p := c.perLease()
			if work, ok := r.of(Work, c.Leases); ok && role == Leading {
				p = p.besides(work.perLease())
				p.Goroutines = c.perLease().Goroutines
			}
			rows = append(rows, []string{
				report.Figure(float64(c.Leases)), string(role), report.Figure(float64(c.Goroutines) / float64(c.Leases)),
				bytes(p.Heap), bytes(p.Stack), bytes(p.bytes()), positive(float64(p.CPU.Nanoseconds()) / 1000), report.Figure(p.Requests),
				positive(c.CPU * 100), report.Figure(c.Requests),
			})
			line.X, line.Y = append(line.X, float64(c.Leases)), append(line.Y, (p.Heap+p.Stack)*float64(c.Leases)/1024)
		}
		lines = append(lines, line)
	}
	if len(r.sizes()) == 0 {
		return report.Section{}, errors.New("no process was measured")
	}
	var b strings.Builder
	b.WriteString(about)
	b.WriteString(report.Table([]string{
		"leases", "role", "goroutines a lease", "heap a lease, B", "stack a lease, B", "both, B", "CPU a lease, µs/s", "requests a lease, 1/s",
		"CPU of all, %", "requests of all, 1/s",
	}, rows...))
	text, key := r.verdict()
	b.WriteString("\n" + text + "\n" + limits)
	svg, err := report.Lines("Memory of many leases in one process", report.Axis{Label: "leases", Log: true}, report.Axis{Label: "KiB besides the work", Log: true}, lines...)
	if err != nil {
		return report.Section{}, err
	}
	return report.Section{
		Title: "Many leases in one process", Command: "make bench PART=scale", Key: key, Text: b.String(),
		Plots: []report.Plot{{File: "scale.svg", SVG: svg, Caption: "Memory grows with the number of leases, leading and standing by; a straight line here is linear growth."}},
	}, nil
}

// verdict compares the largest process with the goals, in full and in one sentence. The process before it shows whether growth
// is linear.
func (r Result) verdict() (text, key string) {
	sizes := r.sizes()
	most := sizes[len(sizes)-1]
	own, goroutines := r.leading(most)
	text = fmt.Sprintf("Of %s leases, one that leads takes %s bytes besides its work (goal: at most %s, %s) and %s goroutines with it (goal: at most %d, %s).",
		report.Figure(float64(most)), bytes(own), report.Figure(mostBytes), report.Met(own <= mostBytes),
		report.Figure(goroutines), mostGoroutines, report.Met(goroutines <= mostGoroutines))
	if len(sizes) > 1 && sizes[len(sizes)-2] > 1 {
		before := sizes[len(sizes)-2]
		few, _ := r.leading(before)
		text += fmt.Sprintf(" It is %s of what one of %s takes (linear growth: %s).", report.Figure(own/few), report.Figure(float64(before)), report.Met(own/few <= linear))
	}
	key = fmt.Sprintf("One process leads %s leases with %s goroutines and %s bytes for each, besides its work.",
		report.Figure(float64(most)), report.Figure(goroutines), bytes(own))
	return text + "\n", key
}

// sizes returns the numbers of leases that leading processes had, the smallest first.
func (r Result) sizes() (sizes []int) {
	for _, c := range r.Costs {
		if c.Role == Leading {
			sizes = append(sizes, c.Leases)
		}
	}
	slices.Sort(sizes)
	return sizes
}

// leading returns what a leading lease uses: bytes without its work, and goroutines with it.
func (r Result) leading(leases int) (own, goroutines float64) {
	c, _ := r.of(Leading, leases)
	work, _ := r.of(Work, leases)
	return c.perLease().besides(work.perLease()).bytes(), c.perLease().Goroutines
}

func bytes(b float64) string { return report.Figure(float64(int64(b + 0.5))) }

// positive writes a difference of two processes, or "-" if it is too small to be measured.
func positive(v float64) string {
	if v <= 0 {
		return "-"
	}
	return report.Figure(v)
}

const about = `One process takes part in the election for many leases at once, at the default intervals (15 s leases, renewed or looked at
every 5 s), on a store that answers at once. What a lease takes is the difference to the same process before. The records
themselves are not counted: a service keeps them. Nor is, of a leading lease, what its work takes: a goroutine that waits for
its context to end, measured in a process of nothing else. The work's goroutine is counted as a goroutine.

`

const limits = `The process of one lease shows what a process takes to begin with: it is not divided by anything.

What stands in the way of one goroutine and 2 KiB a lease:

- **Goroutines.** Run blocks the caller's goroutine, and the work has another one, so that a deadline is seen while the work
  sleeps: two that stay. A request has a third while it is under way, so that a store's client that hangs keeps nobody from
  seeing the deadline. To have one alone, this library would need a scheduler for all leases of a process, and a Run without a
  caller.
- **Stack.** Go's smallest stack is 2 KiB, of which 0.9 are the runtime's reserve. Waiting in Run takes some 1.4 KiB of frames and
  handling an answer 1 KiB more, so the stack has 4.
- **Heap.** Half of the rest are the runtime's: the goroutine itself, timers, channels and who waits at them, contexts.
`
