//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// An orderly stop is not a lost lease: the program takes two lease lengths to end, the lease is kept, and the next leader begins
// after that.
func TestDrainOutlastsTheLease(t *testing.T) {
	for name, stop := range map[string]func(n *node, sick string){
		"asked to":  func(n *node, _ string) { n.signal(syscall.SIGTERM) },
		"unhealthy": func(n *node, sick string) { require.NoError(n.t, os.WriteFile(sick, nil, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			sick := filepath.Join(t.TempDir(), "sick")
			a := s.start(append(quick("--health-cmd", "! test -e "+sick), "--", "sh", "-c",
				`trap 'echo asked >>$FILE; sleep 3; echo drained >>$FILE; exit 0' TERM; echo up >>$FILE; while :; do sleep 0.01; done`)...)
			s.awaitLines(1)
			b := s.start(append(quick("--acquire-every", "10ms"), "--", "sh", "-c", `echo next >>$FILE; exec sleep 1000`)...)
			eventually(t, "it waits", func() bool { return strings.Contains(b.output.String(), "another node leads") })
			stop(a, sick)
			require.Equal(t, []string{"up", "asked", "drained", "next"}, s.awaitLines(4))
			require.Equal(t, uint64(2), s.lease(defaultName).Token)
			if name == "asked to" {
				require.Equal(t, 0, a.wait())
			}
		})
	}
}

// It has an end, though: that of --drain-timeout, or that of the lease.
func TestDrainEnds(t *testing.T) {
	t.Run("by its own limit", func(t *testing.T) {
		s := newSite(t)
		n := s.start("--drain-timeout", "500ms", "--", "sh", "-c", stubborn)
		s.awaitLines(1)
		began := time.Now()
		n.signal(syscall.SIGTERM)
		require.Equal(t, 137, n.wait())
		require.GreaterOrEqual(t, time.Since(began), 500*time.Millisecond)
		require.Equal(t, []string{"up", "asked"}, s.lines())
		require.Equal(t, lease.Free, s.lease(defaultName).State)
	})
	t.Run("by the loss of the lease", func(t *testing.T) {
		s := newSite(t)
		n := s.start(append(quick("--drain-timeout", "1h"), "--", "sh", "-c", stubborn)...)
		s.awaitLines(1)
		n.signal(syscall.SIGTERM)
		s.awaitLines(2)
		require.NoError(t, os.Remove(filepath.Join(s.store, "lease-leader.json")))
		require.Equal(t, 137, n.wait())
	})
	t.Run("by the end of the lease", func(t *testing.T) {
		s := newSite(t)
		n := s.start(append(quick("--drain-timeout", "1h"), "--", "sh", "-c", stubborn)...)
		s.awaitLines(1)
		n.signal(syscall.SIGTERM)
		s.awaitLines(2)
		require.NoError(t, os.Rename(s.store, s.store+".gone"))
		require.NoError(t, os.Symlink(s.store, s.store)) // ELOOP
		require.Equal(t, 137, n.wait())
	})
}
