package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/examples/internal/journal"
	"github.com/cloudlease/leader/examples/internal/nodes"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

var seed = flag.Uint64("seed", 0, "of the moments at which TestKilledAtAnyMoment kills; 0: another one each time")

const (
	crashLength = 600 * time.Millisecond // renewed and asked for every 200 ms, by default
	crashBound  = crashLength + crashLength/3
	// noise is the time that a takeover or a write may take beyond the bound: this machine starts processes, brings files to
	// the disk and compiles other tests at the same time.
	noise = 2 * time.Second
)

// L1, S1, S2: processes that are killed at random moments leave a record that can be read, and a lease that another
// takes over in time; the journal shows one leader at a time.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("repeat the moments with -seed %d", *seed)
	for _, nodes := range []int{2, 5} {
		t.Run(fmt.Sprintf("%d nodes", nodes), func(t *testing.T) {
			t.Parallel()
			c := newCrash(t, nodes)
			for range 50 {
				c.round()
			}
			c.judge()
		})
	}
}

type crash struct {
	*testing.T
	ctx     context.Context
	random  *rand.Rand
	cluster *nodes.Cluster
	journal string
	nodes   []string
	leader  nodes.Event
	took    []time.Duration
	lost    int // leaders that somebody else followed before they were killed
}

func newCrash(t *testing.T, count int) *crash {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	dir := t.TempDir()
	c := &crash{
		T: t, ctx: ctx, random: rand.New(rand.NewPCG(*seed, uint64(count))),
		cluster: newCluster(dir, crashLength, crashLength/60), journal: journalIn(dir),
	}
	t.Cleanup(func() { c.cluster.Close(patience) })
	for i := range count {
		c.nodes = append(c.nodes, string(rune('a'+i)))
		c.start(c.nodes[i])
	}
	c.succeed(0)
	return c
}

// round kills the leader, and a standby as well if three are left then.
func (c *crash) round() {
	c.rest(time.Duration(c.random.Int64N(int64(crashLength / 2))))
	victims := []string{c.leader.Node}
	if standby := c.nodes[c.random.IntN(len(c.nodes))]; len(c.nodes) >= 5 && standby != c.leader.Node {
		victims = append(victims, standby)
	}
	victim, at := c.leader, time.Now()
	for _, node := range victims {
		require.NoError(c, c.cluster.Kill(node))
		c.await(func(e nodes.Event) bool { return e.Did == nodes.Exited && e.Node == node })
	}
	record, err := lease.Inspect(c.ctx, file.New(c.cluster.Leases()), leaseName)
	require.NoError(c, err, "the record after a process was killed")
	require.GreaterOrEqual(c, record.Token, victim.Token)
	for _, node := range victims {
		c.start(node)
	}
	c.succeed(victim.Token)
	if c.leader.At.Before(at) {
		c.lost++
		return
	}
	took := c.leader.At.Sub(at)
	require.LessOrEqual(c, took, crashBound+noise, "until another leads")
	c.took = append(c.took, took)
}

func (c *crash) judge() {
	for _, node := range c.nodes {
		require.NoError(c, c.cluster.Stop(node))
	}
	for left := len(c.nodes); left > 0; left-- {
		c.await(func(e nodes.Event) bool { return e.Did == nodes.Exited })
	}
	entries, err := journal.Read(c.journal)
	require.NoError(c, err)
	require.NoError(c, journal.Broken(verify(entries, func(before, after journal.Entry) time.Duration {
		if before.Token == after.Token {
			return noise
		}
		return crashBound + noise
	})))
	slices.Sort(c.took)
	require.NotEmpty(c, c.took)
	share := func(p int) float64 { return c.took[(len(c.took)-1)*p/100].Seconds() / crashLength.Seconds() }
	c.Logf("%d journal lines, %d takeovers, %d leaders lost their lease before; until another leads, in lease lengths: "+
		"median %.2f, p99 %.2f, longest %.2f (bound %.2f, and %.2f for noise)", len(entries), len(c.took), c.lost,
		share(50), share(99), share(100), crashBound.Seconds()/crashLength.Seconds(), noise.Seconds()/crashLength.Seconds())
	require.LessOrEqual(c, share(50), crashBound.Seconds()/crashLength.Seconds(), "the bound itself, for the median")
}

func (c *crash) start(node string) {
	_, err := c.cluster.Start(node)
	require.NoError(c, err)
}

// succeed waits until a node leads with a greater token.
func (c *crash) succeed(token uint64) {
	for c.leader.Token <= token {
		c.await(func(e nodes.Event) bool { return e.Did == leads })
	}
}

func (c *crash) await(match func(nodes.Event) bool) {
	_, err := c.cluster.Await(c.ctx, c.see, match)
	require.NoError(c, err)
}

func (c *crash) rest(d time.Duration) {
	ctx, cancel := context.WithTimeout(c.ctx, d)
	defer cancel()
	_, err := c.cluster.Await(ctx, c.see, func(nodes.Event) bool { return false })
	require.ErrorIs(c, err, context.DeadlineExceeded)
	require.NoError(c, c.ctx.Err())
}

func (c *crash) see(e nodes.Event) {
	if e.Did == leads && e.Token > c.leader.Token {
		c.leader = e
	}
}
