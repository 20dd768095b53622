//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/lease"
)

// stubborn says that it was asked to end, and does not.
const stubborn = `trap 'echo asked >>$FILE' TERM; echo up >>$FILE; while :; do sleep 0.01; done`

// A service manager and a script that each send a signal, a moment apart, do not kill the program.
func TestTwoSignalsAreOneDecision(t *testing.T) {
	s := commandtest.NewSite(t)
	n := s.Start("--", "sh", "-c", `trap 'echo asked >>$FILE; sleep 0.2; echo drained >>$FILE; exit 0' TERM; echo up >>$FILE; while :; do sleep 0.01; done`)
	s.AwaitLines(1)
	n.Signal(syscall.SIGTERM)
	n.Signal(os.Interrupt)
	n.Signal(syscall.SIGTERM)
	require.Equal(t, 0, n.Wait())
	require.Equal(t, []string{"up", "asked", "drained"}, s.Lines())
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
				s := commandtest.NewSite(t)
				reader, writer, err := os.Pipe()
				require.NoError(t, err)
				defer reader.Close()
				defer writer.Close()
				spoil(t, reader, writer)
				cmd := s.Command(append(commandtest.Quick("--log-level", "debug"), "--", "sh", "-c",
					`exec 2>/dev/null; trap 'echo asked >>$FILE; exit 0' TERM; trap 'echo told >>$FILE; exit 9' USR1
					i=0; while test $i -lt 200; do sleep 0.01; i=$((i+1)); done; echo up >>$FILE; while :; do sleep 0.01; done`)...)
				cmd.Stdout, cmd.Stderr = writer, writer
				require.NoError(t, cmd.Start())
				n := &commandtest.Node{T: t, Cmd: cmd, Done: make(chan struct{})}
				go func() {
					defer close(n.Done)
					_ = cmd.Wait()
				}()
				t.Cleanup(func() { _ = cmd.Process.Kill(); <-n.Done })
				s.AwaitLines(1) // more than a lease length after it has begun
				n.Signal(signal)
				s.AwaitLines(2)
				select {
				case <-n.Done:
				case <-time.After(commandtest.StuckAfter):
					require.Fail(t, "it does not end")
				}
				require.Equal(t, code, cmd.ProcessState.ExitCode())
				require.Equal(t, lease.Free, s.Lease(defaultName).State)
				require.Equal(t, uint64(1), s.Lease(defaultName).Token)
			})
		}
	}
}

// A signal that comes while the program is being started is the program's, and leader's own signals work as always.
func TestSignalsBeforeTheProgramRuns(t *testing.T) {
	for signal, code := range map[syscall.Signal]int{
		syscall.SIGTERM: 0, syscall.SIGUSR1: 128 + int(syscall.SIGUSR1), syscall.SIGHUP: 128 + int(syscall.SIGHUP),
		syscall.SIGQUIT: 128 + int(syscall.SIGQUIT),
	} {
		t.Run(signal.String(), func(t *testing.T) {
			s := commandtest.NewSite(t)
			n := s.Start("--", "sleep", "1000")
			n.Await("this node leads")
			n.Signal(signal)
			require.Equal(t, code, n.Wait())
			require.Equal(t, lease.Free, s.Lease(defaultName).State)
		})
	}
}
