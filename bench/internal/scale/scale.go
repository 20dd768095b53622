// Package scale measures what many leases cost in one process.
package scale

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// Options says how much to measure. The zero Options measure what the page shows.
type Options struct {
	Leases []int         // for each process; none: 1, 100 and 10,000
	Window time.Duration // how long each process is watched; 0: 15 s
	Log    func(format string, args ...any)
}

// A Role says what a process does with its leases.
type Role string

// The roles.
const (
	Leading Role = "leading"
	Standby Role = "standby"
	Work    Role = "work" // it only waits, as the works of the leases do: this cost is not the library's
)

// Cost says how much a process used for its leases.
type Cost struct {
	Leases     int
	Role       Role
	Heap       int64   // bytes in use after a garbage collection
	Stack      int64   // bytes
	Goroutines int     // between requests
	Most       int     // goroutines at once
	CPU        float64 // seconds per second
	Requests   float64 // to the store, per second
}

// Result has the costs of every process.
type Result struct {
	Costs []Cost
}

// Measure runs a process for each number of leases and each role, one after the other.
func Measure(ctx context.Context, o Options) (Result, error) {
	if len(o.Leases) == 0 {
		o.Leases = []int{1, 100, 10_000}
	}
	if o.Window <= 0 {
		o.Window = 15 * time.Second
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	folder, err := os.MkdirTemp("", "bench-scale-")
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	program := filepath.Join(folder, "crowd")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/cloudlease/leader/bench/crowd").CombinedOutput(); err != nil {
		return Result{}, fmt.Errorf("build the crowd: %w\n%s", err, out)
	}
	var r Result
	for _, role := range []Role{Work, Leading, Standby} {
		for _, leases := range o.Leases {
			o.Log("%d leases, %s", leases, role)
			out, err := exec.CommandContext(ctx, program, "-leases", strconv.Itoa(leases), "-role", string(role), "-window", o.Window.String()).Output()
			if exit, ok := err.(*exec.ExitError); ok {
				return Result{}, fmt.Errorf("%d leases, %s: %w: %s", leases, role, err, exit.Stderr)
			}
			var c Cost
			if err == nil {
				err = json.Unmarshal(out, &c)
			}
			if err != nil {
				return Result{}, fmt.Errorf("%d leases, %s: %w", leases, role, err)
			}
			r.Costs = append(r.Costs, c)
		}
	}
	return r, nil
}

// of returns the cost of the process with this role and number of leases; false if there was none.
func (r Result) of(role Role, leases int) (Cost, bool) {
	for _, c := range r.Costs {
		if c.Role == role && c.Leases == leases {
			return c, true
		}
	}
	return Cost{}, false
}

// PerLease is the cost of one lease.
type PerLease struct {
	Heap, Stack, Goroutines, Requests float64
	CPU                               time.Duration // per second
}

func (c Cost) perLease() PerLease {
	n := float64(c.Leases)
	return PerLease{
		Heap: float64(c.Heap) / n, Stack: float64(c.Stack) / n, Goroutines: float64(c.Goroutines) / n, Requests: c.Requests / n,
		CPU: time.Duration(c.CPU / n * float64(time.Second)),
	}
}

// besides returns the cost without that of the work, which only waits.
func (p PerLease) besides(work PerLease) PerLease {
	return PerLease{p.Heap - work.Heap, p.Stack - work.Stack, p.Goroutines - work.Goroutines, p.Requests - work.Requests, p.CPU - work.CPU}
}

func (p PerLease) bytes() float64 { return p.Heap + p.Stack }
