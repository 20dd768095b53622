package fleet_test

import (
	"flag"
	"maps"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/lease"
)

var timings = flag.Int("timings", fleet.TimingsByDefault, "how often TestTimes measures each thing")

// The fleet of TestTimes.
const (
	timedNodes = 5
	timedParts = 40
)

// A stopwatch measures a fleet in virtual time, with requests of up to 40 ms.
type stopwatch struct {
	*testing.T
	*fleettest.Fleet
	nodes map[string]*fleettest.Node
	times map[string][]time.Duration // by what was measured
}

// TestTimes measures how long parts are nobody's, and how long a fleet takes to its balance, and checks the bounds that are promised.
func TestTimes(t *testing.T) {
	times := map[string][]time.Duration{}
	for range *timings {
		for _, measure := range []func(*stopwatch){(*stopwatch).start, (*stopwatch).join, (*stopwatch).leave, (*stopwatch).crash, (*stopwatch).coordinatorCrash} {
			synctest.Test(t, func(t *testing.T) {
				s := &stopwatch{t, fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(timedParts)), map[string]*fleettest.Node{}, times}
				s.SetLatency(40 * time.Millisecond)
				measure(s)
			})
		}
	}
	for _, what := range slices.Sorted(maps.Keys(times)) {
		var seconds []float64
		for _, d := range times[what] {
			seconds = append(seconds, d.Seconds())
		}
		tell(t, what, "s", seconds...)
	}
}

func (s *stopwatch) run(name string) *fleettest.Node {
	s.nodes[name] = s.Join(name, fleettest.Wait)
	return s.nodes[name]
}

func (s *stopwatch) settled() {
	for n := range timedNodes {
		s.run("n" + strconv.Itoa(n))
	}
	s.Settle()
}

// took notes how long something took, and that it was not longer than promised.
func (s *stopwatch) took(what string, since time.Time, most time.Duration) {
	took := time.Since(since)
	require.LessOrEqual(s, took, most, what)
	s.times[what] = append(s.times[what], took)
}

// await waits until the condition holds.
func (s *stopwatch) await(most time.Duration, holds func() bool) {
	s.Helper()
	for began := time.Now(); !holds(); time.Sleep(20 * time.Millisecond) {
		require.LessOrEqual(s, time.Since(began), most)
	}
}

func (s *stopwatch) inBalance(nodes int) bool {
	loads := s.Loads()
	for _, n := range loads {
		if n < timedParts/nodes || n > (timedParts+nodes-1)/nodes {
			return false
		}
	}
	return len(loads) == nodes
}

const aRequest = 100 * time.Millisecond

func (s *stopwatch) start() {
	began := time.Now()
	for n := range timedNodes {
		s.run("n" + strconv.Itoa(n))
	}
	s.await(time.Hour, func() bool { return s.inBalance(timedNodes) })
	s.took("start to balance", began, 10*interval)
}

// FB1: in balance within WithCalm, three intervals, and the time that the works take.
const mostToBalance = 2*length + 3*interval + 10*aRequest

func (s *stopwatch) join() {
	s.settled()
	began := time.Now()
	s.run("late")
	s.await(time.Hour, func() bool { return s.inBalance(timedNodes + 1) })
	s.took("join to balance", began, interval+mostToBalance) // it takes a seat first
}

// leave measures the gap of each part that a node gives away in order.
func (s *stopwatch) leave() {
	s.settled()
	before := s.Where()
	began := time.Now()
	left := make(chan error, 1)
	go func() { left <- s.nodes["n1"].Leave() }()
	gone, gaps := map[string]time.Time{}, 0
	for mine := count(before, "n1"); gaps < mine; time.Sleep(5 * time.Millisecond) {
		now := s.Where()
		for part, node := range before {
			if node != "n1" {
				continue
			}
			since, missing := gone[part]
			switch {
			case now[part] == "" && !missing:
				gone[part] = time.Now()
			case now[part] != "" && now[part] != "n1" && !since.Equal(time.Unix(0, 0)):
				if missing {
					s.took("gap of a part that moves", since, interval) // its receiver looks for it
				}
				gone[part] = time.Unix(0, 0)
				gaps++
			}
		}
		require.Less(s, time.Since(began), time.Minute)
	}
	require.NoError(s, <-left)
	s.took("leave to the end of Run", began, length+interval)
	s.await(time.Hour, func() bool { return s.inBalance(timedNodes - 1) })
	s.took("leave to balance", began, mostToBalance)
}

func count(where map[string]string, node string) (n int) {
	for _, at := range where {
		if at == node {
			n++
		}
	}
	return n
}

// FL1: within a lease length, two intervals and five requests of the last renewal, which was up to an interval ago.
func (s *stopwatch) crash() {
	s.settled()
	began, renewed := s.crashes(false)
	s.await(time.Hour, func() bool { return len(s.Where()) == timedParts })
	s.took("FL1: crash of a node to all parts worked on", began, renewed.Sub(began)+length+2*interval+5*aRequest)
	s.await(time.Hour, func() bool { return s.inBalance(timedNodes - 1) })
	s.took("crash of a node to balance", began, length+mostToBalance)
}

// FL2: two lease lengths, four intervals and ten requests of the last renewal of the office.
func (s *stopwatch) coordinatorCrash() {
	s.settled()
	began, renewed := s.crashes(true)
	s.await(time.Hour, func() bool { return len(s.Where()) == timedParts })
	s.took("FL2: crash of the coordinator to all parts worked on", began, renewed.Sub(began)+2*length+4*interval+10*aRequest)
}

// crashes lets the coordinator crash, or another node. It returns when, and when that was last to renew its office, or its seat.
func (s *stopwatch) crashes(coordinator bool) (began, renewed time.Time) {
	name := "ships"
	for _, n := range s.nodes {
		if status := n.Status(); status.Coordinates == coordinator {
			if !coordinator {
				name = fleet.SeatLease(name, status.Seat)
			}
			n.Crash()
			break
		}
	}
	began = time.Now()
	time.Sleep(aRequest) // a renewal under way arrives
	info, err := lease.Inspect(s.Context(), s.Store(), name)
	require.NoError(s, err)
	return began, info.Renewed
}

// A rolling restart of ten nodes moves each part about once: 1.2 times in place, which is the least (TestMovesInARollingRestart), and once with the
// new node first.
func TestRollingRestart(t *testing.T) {
	for what, c := range map[string]struct {
		first bool
		most  float64
	}{"in place": {false, 1.2}, "the new node first": {true, 1.02}} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const nodes, parts = 10, 100
				s := &stopwatch{t, fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(parts)), map[string]*fleettest.Node{}, nil}
				for n := range nodes {
					s.run("n" + strconv.Itoa(n))
				}
				s.Settle()
				before := s.Begun()
				for n := range nodes {
					old, fresh := s.nodes["n"+strconv.Itoa(n)], "new"+strconv.Itoa(n)
					if c.first {
						s.run(fresh)
						time.Sleep(interval)
					}
					require.NoError(t, old.Leave())
					if !c.first {
						s.run(fresh)
					}
					time.Sleep(interval)
				}
				s.Settle()
				for name, load := range s.Loads() {
					require.Equal(t, parts/nodes, load, name)
				}
				moves := float64(s.Begun()-before) / parts
				tell(t, "rolling restart, "+what, "moves a part", moves)
				require.LessOrEqual(t, moves, c.most)
			})
		})
	}
}
