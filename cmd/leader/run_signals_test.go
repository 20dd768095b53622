//go:build unix

package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cloudlease/leader/lease"
)

// stubborn says that it was asked to end, and does not.
const stubborn = `trap 'echo asked >>$FILE' TERM; echo up >>$FILE; while :; do sleep 0.01; done`

// A service manager and a script that each send a signal, a moment apart, do not kill the program.
func TestTwoSignalsAreOneDecision(t *testing.T) {
	s := newSite(t)
	n := s.start("--", "sh", "-c", `trap 'echo asked >>$FILE; sleep 0.2; echo drained >>$FILE; exit 0' TERM; echo up >>$FILE; while :; do sleep 0.01; done`)
	s.awaitLines(1)
	n.signal(syscall.SIGTERM)
	n.signal(os.Interrupt)
	n.signal(syscall.SIGTERM)
	require.Equal(t, 0, n.wait())
	require.Equal(t, []string{"up", "asked", "drained"}, s.lines())
}

// fill makes the pipe's end one that a write to it hangs in.
func fill(t *testing.T, pipe *os.File) {
	fd := int(pipe.Fd())
	require.NoError(t, unix.SetNonblock(fd, true))
	for chunk := make([]byte, 1024); ; {
		_, err := unix.Write(fd, chunk)
		if err == unix.EAGAIN && len(chunk) == 1 {
			break
		} else if err == unix.EAGAIN {
			chunk = chunk[:1]
			continue
		}
		require.NoError(t, err)
	}
	require.NoError(t, unix.SetNonblock(fd, false))
}

// Nobody reads the log: leader leads, renews, and does what it is told.
func TestLogThatNobodyReads(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, reader, writer *os.File){
		"it is full":          func(t *testing.T, _, writer *os.File) { fill(t, writer) },
		"its reader has gone": func(t *testing.T, reader, _ *os.File) { require.NoError(t, reader.Close()) },
	} {
		for signal, code := range map[syscall.Signal]int{syscall.SIGTERM: 0, syscall.SIGUSR1: 9} {
			t.Run(name+", "+signal.String(), func(t *testing.T) {
				s := newSite(t)
				reader, writer, err := os.Pipe()
				require.NoError(t, err)
				defer reader.Close()
				defer writer.Close()
				spoil(t, reader, writer)
				cmd := s.command(append(quick("--log-level", "debug"), "--", "sh", "-c",
					`exec 2>/dev/null; trap 'echo asked >>$FILE; exit 0' TERM; trap 'echo told >>$FILE; exit 9' USR1
					i=0; while test $i -lt 200; do sleep 0.01; i=$((i+1)); done; echo up >>$FILE; while :; do sleep 0.01; done`)...)
				cmd.Stdout, cmd.Stderr = writer, writer
				require.NoError(t, cmd.Start())
				n := &node{t: t, cmd: cmd, done: make(chan struct{})}
				go func() {
					defer close(n.done)
					_ = cmd.Wait()
				}()
				t.Cleanup(func() { _ = cmd.Process.Kill(); <-n.done })
				s.awaitLines(1) // more than a lease length after it has begun
				n.signal(signal)
				s.awaitLines(2)
				select {
				case <-n.done:
				case <-time.After(stuckAfter):
					require.Fail(t, "it does not end")
				}
				require.Equal(t, code, cmd.ProcessState.ExitCode())
				require.Equal(t, lease.Free, s.lease(defaultName).State)
				require.Equal(t, uint64(1), s.lease(defaultName).Token)
			})
		}
	}
}

// A signal that comes while the program is being started is the program's, and leader's own are what they always are.
func TestSignalsBeforeTheProgramRuns(t *testing.T) {
	for signal, code := range map[syscall.Signal]int{
		syscall.SIGTERM: 0, syscall.SIGUSR1: 128 + int(syscall.SIGUSR1), syscall.SIGHUP: 128 + int(syscall.SIGHUP),
		syscall.SIGQUIT: 128 + int(syscall.SIGQUIT),
	} {
		t.Run(signal.String(), func(t *testing.T) {
			s := newSite(t)
			n := s.start("--", "sleep", "1000")
			eventually(t, "it leads", func() bool { return strings.Contains(n.output.String(), "this node leads") })
			n.signal(signal)
			require.Equal(t, code, n.wait())
			require.Equal(t, lease.Free, s.lease(defaultName).State)
		})
	}
}

// The same, piece by piece: leader keeps a signal for the program of the term that has begun.
func TestSignalsAreKeptForTheirProgram(t *testing.T) {
	t.Parallel()
	begin := func(r *running, token uint64) string {
		reader, writer, err := os.Pipe()
		require.NoError(t, err)
		defer reader.Close()
		r.begin(&guardProcess{orders: writer}, charge{}, token)
		require.NoError(t, writer.Close())
		orders := make([]byte, 4096)
		n, err := reader.Read(orders)
		require.NoError(t, err)
		r.end()
		return string(orders[:n])
	}
	var r running
	require.False(t, r.signal(syscall.SIGHUP, 0), "nobody leads")
	require.True(t, r.signal(syscall.SIGHUP, 7))
	require.Contains(t, begin(&r, 7), `{"Signal":1}`)
	require.False(t, r.signal(syscall.SIGUSR1, 7), "its program is over")
	require.True(t, r.signal(syscall.SIGUSR1, 8))
	require.NotContains(t, begin(&r, 9), "Signal", "it was for another one")
}
