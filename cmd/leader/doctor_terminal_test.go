//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

func TestDoctorOnATerminal(t *testing.T) {
	t.Parallel()
	p, _ := filePlace(t)
	c := onScreen(t, p.doctor(t))
	c.see(t, "\r\x1b[Krace ...")
	c.see(t, "\r\x1b[Kfresh, and latency: 3 of 3 ...")
	require.Zero(t, c.end(t))
	require.Contains(t, c.text(), "\r\x1b[K"+green+"ok       \x1b[0mrace     of 8")
	require.Contains(t, c.text(), green+"Nothing is wrong.")
}

// Whoever interrupts it finds nothing that is held.
func TestDoctorIsInterrupted(t *testing.T) {
	t.Parallel()
	p, s := filePlace(t)
	c := onScreen(t, p.doctor(t, "--samples", "1000000"))
	c.see(t, "fresh, and latency: 20 of")
	require.NoError(t, c.cmd.Process.Signal(os.Interrupt))
	require.Equal(t, exitFailed, c.end(t))
	require.Contains(t, c.text(), "clock    interrupted")
	found := 0
	for info, err := range lease.List(t.Context(), s, scratch) {
		require.NoError(t, err)
		require.Equal(t, lease.Free, info.State)
		found++
	}
	require.Equal(t, 1, found)
}

// A directory that may be read but not written to. Root may write anywhere, so the command is run as somebody else then.
func TestDoctorMayNotWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o555))
	cmd := place{store: fileURL(dir)}.doctor(t, "--json")
	if os.Geteuid() == 0 {
		for parent := dir; parent != filepath.Dir(parent); parent = filepath.Dir(parent) {
			if info, err := os.Stat(parent); err == nil && info.Mode()&0o001 == 0 {
				require.NoError(t, os.Chmod(parent, info.Mode()|0o011))
			}
		}
		require.NoError(t, os.Chmod(filepath.Dir(binary), 0o711))
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	o := end(t, cmd)
	r := decodeJSON[examination](t, o.out)
	wantFailed(t, r, o, "create")
	require.Contains(t, r.of("create").Detail, "let this process's user read and write the directory")
	require.Less(t, r.of("create").Seconds, (10 * time.Second).Seconds())
}
