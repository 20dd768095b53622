package guard

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

// If leader is killed, its guard gives the lease back, once nothing of the program is left.
func TestGuardGivesTheLeaseBack(t *testing.T) {
	for name, murder := range map[string]func(t *testing.T, s site, n *commandtest.Node, program int){
		"leader":                 func(_ *testing.T, _ site, n *commandtest.Node, _ int) { n.Signal(syscall.SIGKILL) },
		"leader, by a core dump": func(_ *testing.T, _ site, n *commandtest.Node, _ int) { n.Signal(syscall.SIGABRT) },
		"leader, while it drains": func(_ *testing.T, s site, n *commandtest.Node, _ int) {
			n.Signal(syscall.SIGTERM)
			s.AwaitLines(2)
			n.Signal(syscall.SIGKILL)
		},
		"the program, and leader": func(t *testing.T, _ site, n *commandtest.Node, program int) {
			kill(t, program, syscall.SIGKILL)
			n.Signal(syscall.SIGKILL)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			a := s.Start(commandtest.Minute("--", "sh", "-c", `trap 'echo asked >>$FILE' TERM; echo up >>$FILE; while :; do sleep 0.01; done`)...)
			program := programOf(t, a)
			s.AwaitLines(1)
			b := s.Start(commandtest.Minute("--", "sh", "-c", `echo next >>$FILE; exec sleep 1000`)...)
			b.Await("another node leads")
			murder(t, s, a, program)
			commandtest.Eventually(t, "the next leader's program runs", func() bool {
				lines := s.Lines()
				return lines[len(lines)-1] == "next"
			})
			require.False(t, commandtest.Alive(program))
			a.Wait() // for its guard, too
			require.Contains(t, a.Output.String(), "and released the lease")
			require.Equal(t, lease.Held, s.Lease("leader").State, "the next one's is not touched")
			require.Equal(t, uint64(2), s.Lease("leader").Token)
		})
	}
}

// S3: the next leader's program finds none of the first one's processes, which ignore SIGTERM and have their own sessions.
func TestGuardGivesTheLeaseBackLast(t *testing.T) {
	s := newSite(t)
	a := s.as("tree", commandtest.Minute()...)
	s.AwaitPids(7)
	found := filepath.Join(t.TempDir(), "found")
	s.Start(commandtest.Minute("--", "sh", "-c", `for p in $(cat $FILE); do kill -0 $p && echo alive >>`+found+`; done; echo none >>`+found+`; exec sleep 1000`)...)
	a.Signal(syscall.SIGKILL)
	s.File = found
	require.Equal(t, []string{"none"}, s.AwaitLines(1))
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
	require.NoError(s.T, err)
	reports, reportsOut, err := os.Pipe()
	require.NoError(s.T, err)
	require.NoError(s.T, reports.SetReadDeadline(time.Now().Add(commandtest.StuckAfter)))
	w := &ward{s: s, cmd: commandtest.Command(s.T, Name, "3", "4", "/bin/sh", "sh", "-c", program), orders: orders, manager: file.New(s.Store)}
	w.cmd.Env = append(w.cmd.Env, "FILE="+s.File, "GORACE=atexit_sleep_ms=0")
	w.cmd.ExtraFiles = []*os.File{ordersIn, reportsOut}
	require.NoError(s.T, w.cmd.Start())
	require.NoError(s.T, ordersIn.Close())
	require.NoError(s.T, reportsOut.Close())
	s.T.Cleanup(func() { _ = orders.Close(); _ = reports.Close(); _ = w.cmd.Process.Kill(); _ = w.cmd.Wait() })
	w.tell, w.hear = json.NewEncoder(orders), json.NewDecoder(reports)
	w.held, err = w.manager.Acquire(s.T.Context(), lease.Request{Name: "a", Holder: "n", Length: time.Hour})
	require.NoError(s.T, err)
	require.NoError(s.T, w.tell.Encode(guardOrder{Charge: &charge{
		Timing: Timing{Stop: 40 * time.Millisecond, Kill: 10 * time.Millisecond}, Store: store.FileURL(s.Store), Lease: w.held, Keep: keep,
	}}))
	return w
}

// answer answers the guard's questions until it reports something else.
func (w *ward) answer(left time.Duration) guardReport {
	for {
		var r guardReport
		require.NoError(w.s.T, w.hear.Decode(&r))
		if !r.Ask {
			return r
		}
		require.NoError(w.s.T, w.tell.Encode(guardOrder{Answer: true, Remaining: left}))
	}
}

// wait waits until the guard has ended by itself.
func (w *ward) wait() {
	w.s.T.Helper()
	ended := make(chan error, 1)
	go func() { ended <- w.cmd.Wait() }()
	select {
	case err := <-ended:
		require.NoError(w.s.T, err)
	case <-time.After(commandtest.StuckAfter):
		require.Fail(w.s.T, "the guard does not end")
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
		require.Equal(t, lease.Held, s.Lease("a").State)
	})
	t.Run("the term is over when leader dies", func(t *testing.T) {
		s := newSite(t)
		w := s.guard(false, "trap '' TERM; while :; do sleep 0.01; done")
		require.NotZero(t, w.answer(300*time.Millisecond).Started)
		kill(t, w.cmd.Process.Pid, syscall.SIGSTOP)
		over := lease.Now(t.Context())
		commandtest.Eventually(t, "the term is over", func() bool { return over.Elapsed() > 300*time.Millisecond })
		require.NoError(t, w.orders.Close())
		kill(t, w.cmd.Process.Pid, syscall.SIGCONT)
		w.wait()
		require.Equal(t, lease.Held, s.Lease("a").State)
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
		require.Equal(t, lease.Held, s.Lease("a").State)
		require.Equal(t, other.Version, s.Lease("a").Version)
	})
	t.Run("the job is done, and holds on", func(t *testing.T) {
		s := newSite(t)
		w := s.guard(true, "exit 0")
		require.NotZero(t, w.answer(time.Hour).Started)
		require.Equal(t, &Ending{}, w.answer(time.Hour).Ended)
		w.wait()
		require.Equal(t, lease.Held, s.Lease("a").State)
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
	require.Equal(t, lease.Free, s.Lease("a").State)
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
		require.Equal(t, guardReport{Ended: &Ending{}}, w.answer(time.Hour), "nothing has failed")
		require.Empty(t, s.Lines())
	})
}
