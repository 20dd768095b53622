package leader_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

var update = flag.Bool("update", false, "write testdata/story.log anew, to be read")

// The log of two nodes in a whole story is a page to be read: testdata/story.log. A person who is woken by one line of it has to
// learn from that line what has happened, who leads, since when and with which token, what this node does now, and what to do
// about it.
func TestLogger_TellsTheStory(t *testing.T) {
	var told bytes.Buffer
	inWorld(t, func(w *world) { tellStory(w, &told) })
	const golden = "testdata/story.log"
	if *update {
		require.NoError(t, os.WriteFile(golden, told.Bytes(), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), told.String(), "read what has changed, and run go test . -run Story -update")
}

// tellStory writes chapters, each with what node a and then node b has logged. What depends on chance is left out.
func tellStory(w *world, told *bytes.Buffer) {
	var nodes []*bytes.Buffer
	var goOn chan struct{} // closed when works may return; nil: they do at once
	start := func(name string) *node {
		var log bytes.Buffer
		nodes = append(nodes, &log)
		return w.nodeDoing(name, func(ctx context.Context) error {
			<-ctx.Done()
			if goOn != nil {
				<-goOn
			}
			return context.Cause(ctx)
		}, leader.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))).run()
	}
	ends := func(chapter string) {
		time.Sleep(time.Minute)
		synctest.Wait()
		fmt.Fprintf(told, "# %s\n", chapter)
		for _, log := range nodes {
			told.WriteString(withoutChance(log.String()))
			log.Reset()
		}
		told.WriteString("\n")
	}

	a := start("a")
	ends("Node a starts, alone.")
	w.force("somebody", false)
	ends("Somebody takes the lease by hand, and does not renew it.")
	b := start("b")
	ends("Node b starts.")
	require.NoError(w, a.StepDown(context.Background()))
	ends("Node a hands over.")
	b.link.set(cut)
	time.Sleep(8 * time.Second)
	b.link.set(nil)
	ends("Node b cannot reach the store, for less than its lease.")
	b.link.set(hang)
	time.Sleep(10 * time.Minute)
	b.link.set(nil)
	ends("Node b gets no answer from the store, for ten minutes.")
	full := errors.New("the disk is full")
	a.health.Store(&full)
	time.Sleep(time.Minute)
	a.health.Store(nil)
	ends("Node a is ill, for a minute.")
	require.NoError(w, b.stop())
	ends("Node b is asked to stop.")
	job := start("job")
	synctest.Wait()
	require.NoError(w, job.stop())
	job.runsOnce()
	require.ErrorIs(w, <-job.result, lease.ErrHeld)
	ends("A standby is asked to stop, and runs once, as a job.")
	job.link.set(cut)
	job.run()
	time.Sleep(time.Minute)
	job.link.set(nil)
	time.Sleep(every)
	job.link.set(cut)
	ends("A standby cannot reach the store when it starts; and again, when it has heard who leads.")
	require.NoError(w, job.stop())
	ends("The standby is asked to stop meanwhile.")
	a.link.set(hang)
	require.NoError(w, a.stop())
	ends("Node a is asked to stop, and the store does not answer.")
	goOn = make(chan struct{})
	b.run()
	ends("Node b is started again.")
	require.NoError(w, lease.Break(context.Background(), lease.NewManager(w.store), w.look()))
	ends("Somebody breaks its lease, and its work does not return.")
	close(goOn)
	ends("It returns.")
	goOn = make(chan struct{})
	b.cancel(nil)
	time.Sleep(5 * length / 2)
	w.force("somebody", false)
	time.Sleep(2 * length)
	close(goOn)
	require.NoError(w, <-b.result)
	ends("Node b is asked to stop, its work does not return, and somebody takes the lease.")
	goOn = nil
	tellOfPauses(w, ends, a, b)
}

// tellOfPauses lets nodes be paused and resumed. No line may say that a node asks for the lease meanwhile.
func tellOfPauses(w *world, ends func(chapter string), a, b *node) {
	a.link.set(nil)
	a.run()
	time.Sleep(time.Minute)
	b.run()
	ends("Nodes a and b are started again.")
	require.NoError(w, a.Pause(background))
	require.NoError(w, a.Pause(background))
	ends("Node a, which leads, is paused.")
	require.NoError(w, b.stop())
	require.NoError(w, b.Pause(background))
	b.run()
	ends("Node b is stopped, paused and started: nobody leads.")
	a.Resume()
	a.Resume()
	ends("Node a is resumed.")
	b.Resume()
	require.NoError(w, b.Pause(background))
	ends("Node b, a standby, is resumed, and paused again.")
}

var byChance = regexp.MustCompile(`(time|since|led|left|after|for|took|failed)=(\S+)`)

// withoutChance leaves out what depends on chance: times, and how often was tried.
func withoutChance(log string) string {
	return strings.ReplaceAll(byChance.ReplaceAllString(log, "$1=..."), "time=... ", "")
}
