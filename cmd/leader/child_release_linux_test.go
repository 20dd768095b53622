package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

// If leader is killed, its guard gives the lease back, once nothing of the program is left.
func TestGuardGivesTheLeaseBack(t *testing.T) {
	for name, murder := range map[string]func(t *testing.T, s site, n *node, program int){
		"leader":                 func(_ *testing.T, _ site, n *node, _ int) { n.signal(syscall.SIGKILL) },
		"leader, by a core dump": func(_ *testing.T, _ site, n *node, _ int) { n.signal(syscall.SIGABRT) },
		"leader, while it drains": func(_ *testing.T, s site, n *node, _ int) {
			n.signal(syscall.SIGTERM)
			s.awaitLines(2)
			n.signal(syscall.SIGKILL)
		},
		"the program, and leader": func(t *testing.T, _ site, n *node, program int) {
			kill(t, program, syscall.SIGKILL)
			n.signal(syscall.SIGKILL)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			a := s.start(append(minute, "--", "sh", "-c", `trap 'echo asked >>$FILE' TERM; echo up >>$FILE; while :; do sleep 0.01; done`)...)
			program := programOf(t, a)
			s.awaitLines(1)
			b := s.start(append(minute, "--", "sh", "-c", `echo next >>$FILE; exec sleep 1000`)...)
			eventually(t, "it waits", func() bool { return strings.Contains(b.output.String(), "another node leads") })
			murder(t, s, a, program)
			eventually(t, "the next leader's program runs", func() bool {
				lines := s.lines()
				return lines[len(lines)-1] == "next"
			})
			require.False(t, alive(program))
			a.wait() // for its guard, too
			require.Contains(t, a.output.String(), "has given the lease back")
			require.Equal(t, lease.Held, s.lease(defaultName).State, "the next one's is not touched")
			require.Equal(t, uint64(2), s.lease(defaultName).Token)
		})
	}
}

// S3: the next leader's program finds none of the first one's processes, which ignore SIGTERM and have sessions of their own.
func TestGuardGivesTheLeaseBackLast(t *testing.T) {
	s := newSite(t)
	a := s.as("tree", minute...)
	s.awaitPids(7)
	found := filepath.Join(t.TempDir(), "found")
	s.start(append(minute, "--", "sh", "-c", `for p in $(cat $FILE); do kill -0 $p && echo alive >>`+found+`; done; echo none >>`+found+`; exec sleep 1000`)...)
	a.signal(syscall.SIGKILL)
	s.file = found
	require.Equal(t, []string{"none"}, s.awaitLines(1))
}

// A ward is a guard whose leader is this test.
type ward struct {
	s       site
	cmd     *exec.Cmd
	orders  *os.File
	tell    *json.Encoder
	hear    *json.Decoder
	manager lease.Manager
	held    lease.Lease
}

func (s site) guard(keep bool, program string) *ward {
	ordersIn, orders, err := os.Pipe()
	require.NoError(s.t, err)
	reports, reportsOut, err := os.Pipe()
	require.NoError(s.t, err)
	w := &ward{s: s, cmd: command(s.t, guardName, "3", "4", "/bin/sh", "sh", "-c", program), orders: orders, manager: file.New(s.store)}
	w.cmd.Env = append(w.cmd.Env, "FILE="+s.file, "GORACE=atexit_sleep_ms=0")
	w.cmd.ExtraFiles = []*os.File{ordersIn, reportsOut}
	require.NoError(s.t, w.cmd.Start())
	require.NoError(s.t, ordersIn.Close())
	require.NoError(s.t, reportsOut.Close())
	s.t.Cleanup(func() { _ = orders.Close(); _ = reports.Close(); _ = w.cmd.Process.Kill(); _ = w.cmd.Wait() })
	w.tell, w.hear = json.NewEncoder(orders), json.NewDecoder(reports)
	w.held, err = w.manager.Acquire(s.t.Context(), lease.Request{Name: "a", Holder: "n", Length: time.Hour})
	require.NoError(s.t, err)
	require.NoError(s.t, w.tell.Encode(guardOrder{Charge: &charge{
		Timing: timing{Stop: 40 * time.Millisecond, Kill: 10 * time.Millisecond}, Store: fileURL(s.store), Lease: w.held, Keep: keep,
	}}))
	return w
}

// answer answers the guard's questions until it reports something else.
func (w *ward) answer(left time.Duration) guardReport {
	for {
		var r guardReport
		require.NoError(w.s.t, w.hear.Decode(&r))
		if !r.Ask {
			return r
		}
		require.NoError(w.s.t, w.tell.Encode(guardOrder{Answer: true, Remaining: left}))
	}
}

// wait waits until the guard has ended by itself.
func (w *ward) wait() {
	w.s.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- w.cmd.Wait() }()
	select {
	case err := <-ended:
		require.NoError(w.s.t, err)
	case <-time.After(stuckAfter):
		require.Fail(w.s.t, "the guard does not end")
	}
}

// When the lease may have passed on, when leader lives, and when the lease is to be kept, the guard does not touch it.
func TestGuardLeavesTheLease(t *testing.T) {
	t.Run("the term is over", func(t *testing.T) {
		s := newSite(t)
		w := s.guard(false, "exec sleep 1000")
		require.NotZero(t, w.answer(500*time.Millisecond).Started)
		var r guardReport
		for r.Ended == nil { // it asks again, and is not answered
			r = guardReport{}
			require.NoError(t, w.hear.Decode(&r))
		}
		require.True(t, r.Ended.Early)
		w.wait() // it has nothing to stay for, though leader lives
		require.Equal(t, lease.Held, s.lease("a").State)
	})
	t.Run("the term is over when leader dies", func(t *testing.T) {
		s := newSite(t)
		w := s.guard(false, "trap '' TERM; while :; do sleep 0.01; done")
		require.NotZero(t, w.answer(300*time.Millisecond).Started)
		kill(t, w.cmd.Process.Pid, syscall.SIGSTOP)
		over := lease.Now(t.Context())
		eventually(t, "the term is over", func() bool { return over.Elapsed() > 300*time.Millisecond })
		require.NoError(t, w.orders.Close())
		kill(t, w.cmd.Process.Pid, syscall.SIGCONT)
		w.wait()
		require.Equal(t, lease.Held, s.lease("a").State)
	})
	t.Run("it is somebody else's", func(t *testing.T) {
		s := newSite(t)
		w := s.guard(false, "exec sleep 1000")
		require.NotZero(t, w.answer(time.Hour).Started)
		require.NoError(t, w.manager.Release(t.Context(), w.held))
		other, err := w.manager.Acquire(t.Context(), lease.Request{Name: "a", Holder: "n", Length: time.Hour})
		require.NoError(t, err)
		require.NoError(t, w.orders.Close())
		w.wait()
		require.Equal(t, lease.Held, s.lease("a").State)
		require.Equal(t, other.Version, s.lease("a").Version)
	})
	t.Run("the job is done, and holds on", func(t *testing.T) {
		s := newSite(t)
		w := s.guard(true, "exit 0")
		require.NotZero(t, w.answer(time.Hour).Started)
		require.Equal(t, &ending{}, w.answer(time.Hour).Ended)
		w.wait()
		require.Equal(t, lease.Held, s.lease("a").State)
	})
}

// A job that was ended before it was done is to be done by somebody else. An earlier renewal is released as well.
func TestGuardGivesBackWhatWasRenewed(t *testing.T) {
	s := newSite(t)
	w := s.guard(true, "exec sleep 1000")
	require.NotZero(t, w.answer(time.Hour).Started)
	_, err := w.manager.Renew(t.Context(), w.held)
	require.NoError(t, err)
	require.NoError(t, w.orders.Close())
	w.wait()
	require.Equal(t, lease.Free, s.lease("a").State)
}

// Signals and the end may be ordered before the program has been started.
func TestGuardBeforeItStarts(t *testing.T) {
	t.Run("a signal", func(t *testing.T) {
		s := newSite(t)
		w := s.guard(false, "exec sleep 1000")
		require.NoError(t, w.tell.Encode(guardOrder{Signal: syscall.SIGUSR2}))
		require.NotZero(t, w.answer(time.Hour).Started)
		require.Equal(t, syscall.SIGUSR2, w.answer(time.Hour).Ended.Signal)
	})
	t.Run("the end", func(t *testing.T) {
		s := newSite(t)
		w := s.guard(false, "echo never >>$FILE")
		require.NoError(t, w.tell.Encode(guardOrder{Stop: time.Minute}))
		require.Equal(t, guardReport{Ended: &ending{}}, w.answer(time.Hour), "nothing has failed")
		require.Empty(t, s.lines())
	})
}
