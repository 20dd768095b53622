//go:build unix

package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

func init() {
	roles["hold"] = holdRole
	roles["full"] = fullRole
	roles["denied"] = deniedRole
	roles["member"] = memberRole
	roles["alice"] = func(dir string) error { return teamRole(dir, 65001) }
	roles["bob"] = func(dir string) error { return teamRole(dir, 65002) }
}

// holdRole takes the lock of a cell, and keeps it.
func holdRole(dir string) error {
	if err := flock.New(filepath.Join(dir, "lease-a.lock")).Lock(); err != nil {
		return err
	}
	fmt.Println("locked")
	_, err := io.Copy(io.Discard, os.Stdin) // until it is killed; to wait for nothing is a deadlock to the runtime
	return err
}

func TestSuspendedWriter(t *testing.T) {
	t.Parallel()
	s := NewStore(t.TempDir())
	version := swap(t, s, "a", "", "x")
	p := start(t, "hold", s.dir)
	require.Equal(t, "locked", p.Line())
	require.NoError(t, p.Signal(syscall.SIGSTOP))

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := s.Swap(ctx, "a", version, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, version, load(t, s, "a").Version)

	require.NoError(t, p.Kill())
	swap(t, s, "a", version, "y")
}

// fullRole lives on a disk that takes no file of more than 4 KiB.
func fullRole(dir string) error {
	limit := syscall.Rlimit{Cur: 4096, Max: 4096}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	s, ctx := NewStore(dir), context.Background()
	for name, want := range map[string]string{"a": "before", "new": ""} {
		before, err := s.Load(ctx, name)
		if err != nil || string(before.Data) != want {
			return fmt.Errorf("%s: %q, %w", name, before.Data, err)
		}
		_, err = s.Swap(ctx, name, before.Version, []byte(strings.Repeat("x", 8000)))
		if !errors.Is(err, syscall.EFBIG) || errors.Is(err, lease.ErrMisconfigured) || errors.Is(err, lease.ErrRecord) {
			return fmt.Errorf("%s: swap: %w", name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "lease-"+name+".tmp")); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: half a record takes the room that is left: %w", name, err)
		}
		if after, err := s.Load(ctx, name); err != nil || after.Version != before.Version {
			return fmt.Errorf("%s: %q, %w", name, after.Data, err)
		}
		if _, err := s.Swap(ctx, name, before.Version, []byte("there is room again")); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := NewStore(t.TempDir())
	swap(t, s, "a", "", "before")
	wantDone(t, "full", s.dir)
}

// wantDone fails unless the process does its part without a complaint.
func wantDone(t *testing.T, role, dir string) {
	t.Helper()
	p := start(t, role, dir)
	for line := range p.Lines() {
		t.Errorf("process %q: %s", role, line)
	}
	require.NoError(t, p.Wait())
}

// become makes root somebody else, who is in the group 65003, and whose files are for nobody else.
func become(uid int) error {
	syscall.Umask(0o077)
	if os.Geteuid() != 0 {
		return nil
	}
	return errors.Join(syscall.Setgroups([]int{65003}), syscall.Setgid(uid), syscall.Setuid(uid))
}

// outside returns a directory that others can reach, unlike t.TempDir.
func outside(t *testing.T, mode fs.FileMode) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lease-file")
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = os.Chmod(dir, 0o700)
		require.NoError(t, os.RemoveAll(dir))
	})
	require.NoError(t, os.Chmod(dir, mode))
	return dir
}

// deniedRole has no permission for anything but to list the directory.
func deniedRole(dir string) error {
	if err := become(65001); err != nil {
		return err
	}
	s, ctx := NewStore(dir), context.Background()
	var problems []error
	check := func(what string, err error, path string) {
		if !errors.Is(err, lease.ErrMisconfigured) || errors.Is(err, lease.ErrRecord) || !strings.Contains(err.Error(), path) ||
			!strings.Contains(err.Error(), "let this process's user") {
			problems = append(problems, fmt.Errorf("%s: %w", what, err))
		}
	}
	_, err := s.Load(ctx, "a")
	check("load", err, "lease-a.json")
	_, err = s.Swap(ctx, "a", "version", nil)
	check("swap", err, "lease-a.lock")
	_, err = s.Swap(ctx, "new", "", nil)
	check("create", err, "lease-new.lock")
	_, err = NewStore(filepath.Join(dir, "sub")).Swap(ctx, "a", "", nil)
	check("make", err, "mkdir the directory")
	var cells []string
	for c, err := range s.List(ctx, "") {
		cells = append(cells, c.Name)
		if c.Name == "dir" && errors.Is(c.Err, lease.ErrRecord) {
			continue
		}
		check("list", errors.Join(err, c.Err), "lease-a.json")
	}
	if !slices.Equal(cells, []string{"a", "dir"}) {
		problems = append(problems, fmt.Errorf("listed %q", cells))
	}
	for _, err := range NewStore(filepath.Join(dir, "lease-closed")).List(ctx, "") {
		check("list closed", err, "the directory")
	}
	return errors.Join(problems...)
}

func TestDenied(t *testing.T) {
	t.Parallel()
	dir := outside(t, 0o755)
	swap(t, NewStore(dir), "a", "", "x")
	for _, closed := range []string{"lease-closed", "lease-dir.json"} { // neither is looked into
		require.NoError(t, os.Mkdir(filepath.Join(dir, closed), 0))
	}
	require.NoError(t, os.Chmod(filepath.Join(dir, "lease-a.json"), 0))
	require.NoError(t, os.Chmod(filepath.Join(dir, "lease-a.lock"), 0))
	require.NoError(t, os.Chmod(dir, 0o555))
	wantDone(t, "denied", dir)
}

// memberRole is of the group that the directory is for: it counts on, and dies before it has renamed its last write.
func memberRole(dir string) error {
	uid := 65001
	s := NewStore(dir)
	if found, err := s.Load(context.Background(), "orders"); err != nil || found.Version != "" {
		uid = 65002
	}
	if err := become(uid); err != nil {
		return err
	}
	for _, name := range []string{"orders", strings.Repeat("Long", 60)} {
		if _, _, _, err := increment(s, name); err != nil {
			return err
		}
		p, err := s.place(context.Background(), name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(p.temp(), nil, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func TestUsersOfOneGroup(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become several users")
	}
	dir := outside(t, 0)
	require.NoError(t, os.Chown(dir, 0, 65003))
	require.NoError(t, os.Chmod(dir, 0o770|fs.ModeSetgid))
	for range 3 { // the first user, then the other twice
		wantDone(t, "member", dir)
	}
	s := NewStore(dir)
	for _, name := range []string{"orders", strings.Repeat("Long", 60)} {
		n, err := countOf(load(t, s, name))
		require.NoError(t, err)
		assert.Equal(t, 3, n)
	}
	info, err := os.Stat(filepath.Join(dir, "lease-orders.json"))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o660), info.Mode())
	assert.EqualValues(t, 65003, info.Sys().(*syscall.Stat_t).Gid)
}
