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
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/doctor"
	"github.com/cloudlease/leader/lease"
)

func TestDoctorOnATerminal(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	c := onScreen(t, doctorOf(t, s.url))
	c.see(t, "\r\x1b[Krace ...")
	c.see(t, "\r\x1b[Kfresh, and latency: 3 of 3 ...")
	require.Zero(t, c.end(t))
	require.Contains(t, c.text(), "\r\x1b[K"+green+"ok       \x1b[0mrace     of 8")
	require.Contains(t, c.text(), green+"Nothing is wrong.")
}

// After an interrupt, no lease is held.
func TestDoctorIsInterrupted(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	c := onScreen(t, doctorOf(t, s.url, "--samples", "1000000"))
	c.see(t, "fresh, and latency: 20 of")
	require.NoError(t, c.cmd.Process.Signal(os.Interrupt))
	require.Equal(t, exitFailed, c.end(t))
	require.Contains(t, c.text(), "clock    interrupted")
	found := 0
	for info, err := range lease.List(t.Context(), s, doctor.Scratch) {
		require.NoError(t, err)
		require.Equal(t, lease.Free, info.State)
		found++
	}
	require.Equal(t, 2, found)
}

// A directory that may be read but not written to. Root may write anywhere, so the command is run as somebody else then.
func TestDoctorMayNotWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o555))
	cmd := doctorOf(t, store.FileURL(dir), "--json")
	if os.Geteuid() == 0 {
		for parent := dir; parent != filepath.Dir(parent); parent = filepath.Dir(parent) {
			if info, err := os.Stat(parent); err == nil && info.Mode()&0o001 == 0 {
				require.NoError(t, os.Chmod(parent, info.Mode()|0o011))
			}
		}
		require.NoError(t, os.Chmod(filepath.Dir(commandtest.Binary()), 0o711))
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	o := commandtest.End(t, cmd)
	r := decodeJSON[doctor.Report](t, o.Out)
	o.Want(t, exitFailed, "failed: create")
	create := r.Checks[3]
	require.Equal(t, "create", create.Check)
	require.Contains(t, create.Detail, "let this process's user read and write the directory")
	require.Less(t, create.Seconds, (10 * time.Second).Seconds())
}
