// Command crowd is one process that takes part in the election for many leases. It prints what that costs, as JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"

	"github.com/cloudlease/leader/bench/internal/scale"
)

func main() {
	leases := flag.Int("leases", 1, "how many")
	role := flag.String("role", string(scale.Leading), "leading, standby, or work: only what waits as the work does, and nothing else")
	window := flag.Duration("window", 15*time.Second, "how long it is watched once it has settled")
	flag.Parse()
	cost, err := measure(*leases, scale.Role(*role), *window)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(cost)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

// counted is a store that counts its requests.
type counted struct {
	lease.Store
	requests atomic.Int64
}

func (c *counted) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	c.requests.Add(1)
	return c.Store.Load(ctx, name)
}

func (c *counted) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	c.requests.Add(1)
	return c.Store.Swap(ctx, name, old, data)
}

// state describes the resources that a process uses at one moment.
type state struct {
	heap, stack uint64
	goroutines  int
	cpu         time.Duration
}

// now returns the state of this process after its garbage was collected.
func now() (state, error) {
	runtime.GC()
	runtime.GC() // collects what the finalizers of the first one have released
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return state{}, fmt.Errorf("read the CPU time: %w", err)
	}
	return state{m.HeapAlloc, m.StackInuse, runtime.NumGoroutine(), time.Duration(u.Utime.Nano() + u.Stime.Nano())}, nil
}

// measure measures one process. The leases' records exist before it starts to count: a service keeps them, not the process.
func measure(leases int, role scale.Role, window time.Duration) (scale.Cost, error) {
	const renewEvery = 5 * time.Second
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	records := memory.NewStore()
	holders := lease.NewManager(records)
	held := make([]lease.Lease, leases)
	for i := range held {
		var err error
		request := lease.Request{Name: fmt.Sprintf("lease-%05d", i), Holder: "somebody", Length: 3 * renewEvery}
		if held[i], err = holders.Acquire(ctx, request); err != nil {
			return scale.Cost{}, err
		}
		if role != scale.Standby {
			if err := holders.Release(ctx, held[i]); err != nil {
				return scale.Cost{}, err
			}
		}
	}
	if role == scale.Standby {
		go renew(ctx, holders, held, renewEvery)
	}
	before, err := rate(window, func() int64 { return 0 })
	if err != nil {
		return scale.Cost{}, err
	}

	store := &counted{Store: records}
	manager := lease.NewManager(store)
	var started atomic.Int64
	quiet := slog.New(slog.DiscardHandler)
	begun := time.Now()
	for i := range held { // over one interval, so that the requests are spread as in the long run
		time.Sleep(time.Until(begun.Add(renewEvery * time.Duration(i) / time.Duration(leases))))
		name := held[i].Name
		if role == scale.Work {
			own, stop := context.WithCancel(ctx)
			go func() { defer stop(); <-own.Done() }()
			continue
		}
		l := leader.New(leader.WithLeaseManager(manager), leader.WithLeaseName(name), leader.WithNodeID("node"),
			leader.WithLogger(quiet), leader.WhenStarted(func(ctx context.Context) error {
				started.Add(1)
				<-ctx.Done()
				return nil
			}))
		go func() { _ = l.Run(ctx) }()
	}
	time.Sleep(2*renewEvery + renewEvery/2) // a few renewals or polls of each
	if want := int64(leases); role == scale.Leading && started.Load() != want || role == scale.Standby && started.Load() != 0 {
		return scale.Cost{}, fmt.Errorf("%d of %d leases are led, as %s", started.Load(), want, role)
	}
	after, err := rate(window, store.requests.Load)
	if err != nil {
		return scale.Cost{}, err
	}
	return scale.Cost{
		Leases: leases, Role: role,
		Heap: int64(after.heap) - int64(before.heap), Stack: int64(after.stack) - int64(before.stack),
		Goroutines: after.goroutines - before.goroutines, Most: after.most - before.goroutines,
		CPU: (after.busy - before.busy).Seconds() / window.Seconds(), Requests: after.requests / window.Seconds(),
	}, nil
}

// rated is a state, and what happened while the process was watched.
type rated struct {
	state
	most     int // goroutines at once
	busy     time.Duration
	requests float64
}

func rate(window time.Duration, requests func() int64) (rated, error) {
	first, err := now()
	if err != nil {
		return rated{}, err
	}
	asked := requests()
	least, most := math.MaxInt, 0
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for end := time.Now().Add(window); time.Now().Before(end); {
		<-ticks.C
		n := runtime.NumGoroutine()
		least, most = min(least, n), max(most, n)
	}
	asked = requests() - asked
	last, err := now()
	if err != nil {
		return rated{}, err
	}
	busy := last.cpu - first.cpu
	last.goroutines = least // between the requests
	return rated{last, most, busy, float64(asked)}, nil
}

// renew keeps the leases that the standbys watch.
func renew(ctx context.Context, m lease.Manager, held []lease.Lease, every time.Duration) {
	for ctx.Err() == nil {
		begun := time.Now()
		for i := range held {
			renewed, err := m.Renew(ctx, held[i])
			if err != nil {
				return // the standbys take over, which measure reports
			}
			held[i] = renewed
			time.Sleep(time.Until(begun.Add(every * time.Duration(i+1) / time.Duration(len(held)))))
		}
	}
}
