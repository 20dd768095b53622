//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/lease"
)

// An orderly stop is not a lost lease: the program takes two lease lengths to end, the lease is kept, and the next leader begins
// after that.
func TestDrainOutlastsTheLease(t *testing.T) {
	for name, stop := range map[string]func(n *commandtest.Node, sick string){
		"asked to":  func(n *commandtest.Node, _ string) { n.Signal(syscall.SIGTERM) },
		"unhealthy": func(n *commandtest.Node, sick string) { require.NoError(n.T, os.WriteFile(sick, nil, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := commandtest.NewSite(t)
			sick := filepath.Join(t.TempDir(), "sick")
			a := s.Start(append(commandtest.Quick("--health-cmd", "! test -e "+sick), "--", "sh", "-c",
				`trap 'echo asked >>$FILE; sleep 3; echo drained >>$FILE; exit 0' TERM; echo up >>$FILE; while :; do sleep 0.01; done`)...)
			s.AwaitLines(1)
			b := s.Start(append(commandtest.Quick("--acquire-every", "10ms"), "--", "sh", "-c", `echo next >>$FILE; exec sleep 1000`)...)
			b.Await("another node leads")
			stop(a, sick)
			require.Equal(t, []string{"up", "asked", "drained", "next"}, s.AwaitLines(4))
			require.Equal(t, uint64(2), s.Lease(defaultName).Token)
			if name == "asked to" {
				require.Equal(t, 0, a.Wait())
			}
		})
	}
}

// It has an end, though: that of --drain-timeout, or that of the lease.
func TestDrainEnds(t *testing.T) {
	t.Run("by its own limit", func(t *testing.T) {
		s := commandtest.NewSite(t)
		n := s.Start("--drain-timeout", "500ms", "--", "sh", "-c", stubborn)
		s.AwaitLines(1)
		began := time.Now()
		n.Signal(syscall.SIGTERM)
		require.Equal(t, 137, n.Wait())
		require.GreaterOrEqual(t, time.Since(began), 500*time.Millisecond)
		require.Equal(t, []string{"up", "asked"}, s.Lines())
		require.Equal(t, lease.Free, s.Lease(defaultName).State)
	})
	t.Run("by the loss of the lease", func(t *testing.T) {
		s := commandtest.NewSite(t)
		n := s.Start(append(commandtest.Quick("--drain-timeout", "1h"), "--", "sh", "-c", stubborn)...)
		s.AwaitLines(1)
		n.Signal(syscall.SIGTERM)
		s.AwaitLines(2)
		s.DeleteRecord(defaultName)
		require.Equal(t, 137, n.Wait())
	})
	t.Run("by the end of the lease", func(t *testing.T) {
		s := commandtest.NewSite(t)
		n := s.Start(append(commandtest.Quick("--drain-timeout", "1h"), "--", "sh", "-c", stubborn)...)
		s.AwaitLines(1)
		n.Signal(syscall.SIGTERM)
		s.AwaitLines(2)
		require.NoError(t, os.Rename(s.Store, s.Store+".gone"))
		require.NoError(t, os.Symlink(s.Store, s.Store)) // ELOOP
		require.Equal(t, 137, n.Wait())
	})
}
