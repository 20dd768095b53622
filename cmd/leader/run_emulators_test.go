//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/internal/emulated"
	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/lease"
)

// placeOn is one of the service that tells how old a record is, as the service itself does.
func placeOn(t *testing.T, service emulator.Service) (url string) {
	if service == emulator.Azure { // it knows when a lease is over
		return emulated.Make(t, service).URL
	}
	return emulated.Make(t, service).URL + "?age=true"
}

// On each service: a job, the same one that is triggered too late, and a program that fails.
func TestRunOnServices(t *testing.T) {
	for _, service := range emulator.Services {
		t.Run(string(service), func(t *testing.T) {
			s := commandtest.NewSite(t)
			url := placeOn(t, service)
			job := func() int {
				return s.Start("--store", url, "--once", "--hold-at-least", "1m", "--lease-length", "1m", "--held-exit-code", "9", "--", "sh", "-c", `echo $LEADER_TOKEN >>$FILE`).Wait()
			}
			require.Equal(t, 0, job())
			require.Equal(t, 9, job())
			require.Equal(t, []string{"1"}, s.Lines())
			out, err := s.Command("--store", url, "--name", "another", "--", "sh", "-c", `echo $LEADER_TOKEN; exit 6`).Output()
			require.ErrorContains(t, err, "exit status 6")
			require.Equal(t, "1\n", string(out))
		})
	}
}

// On each service: leader is killed, and its guard gives the lease back. A lease that runs out would keep the next one waiting
// for two thirds of its length at least, which is longer than this test waits.
func TestRunIsKilledOnServices(t *testing.T) {
	for _, service := range emulator.Services {
		t.Run(string(service), func(t *testing.T) {
			s := commandtest.NewSite(t)
			flags := append([]string{"--store", placeOn(t, service)}, commandtest.Minute()...)
			program := []string{"--", "sh", "-c", `trap 'echo ended >>$FILE; exit 0' TERM; echo $LEADER_TOKEN >>$FILE; while :; do sleep 0.01; done`}
			a := s.Start(append(flags, program...)...)
			s.AwaitLines(1)
			b := s.Start(append(flags, program...)...)
			b.Await("another node leads")
			killed := time.Now()
			a.Signal(syscall.SIGKILL)
			require.Equal(t, []string{"1", "ended", "2"}, s.AwaitLines(3))
			t.Logf("the next leader's program ran %v after the kill, %.2f lease lengths", time.Since(killed), time.Since(killed).Minutes())
			b.Signal(syscall.SIGTERM)
			require.Equal(t, 0, b.Wait())
		})
	}
}

// Who interrupts value clear or fleet reset half way leaves no lease behind that is held: a few requests are made to the end.
func TestInterrupted_NothingStaysHeld(t *testing.T) {
	url := emulated.Make(t, emulator.GCS).URL // it takes a second between two writes
	m, err := lease.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lease.Close(m)) })
	for name, args := range map[string][]string{
		"orders": {"value", "clear", "orders", "--yes"},
		"ships":  {"fleet", "reset", "ships", "--yes", "--above", "7"},
	} {
		l := valued(t, m, name, "node-1", "x", time.Minute)
		require.NoError(t, m.Release(t.Context(), l))
		cmd := commandtest.Command(t, append(args, "--store", url)...)
		require.NoError(t, cmd.Start())
		commandtest.Eventually(t, "it holds the lease", func() bool {
			info, err := lease.Inspect(t.Context(), m, name)
			return err == nil && info.State == lease.Held
		})
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		require.NoError(t, cmd.Wait())
		info, err := lease.Inspect(t.Context(), m, name)
		require.NoError(t, err)
		require.Equal(t, lease.Free, info.State)
		require.NotEqual(t, "x", info.Value)
	}
}
