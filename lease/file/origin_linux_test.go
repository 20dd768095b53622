package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/spawn"
	"github.com/cloudlease/leader/lease"
)

func init() {
	roles["container"] = func(dir string) error { return containerRole(dir, showOwnBoot) }
	roles["sandbox"] = func(dir string) error { return containerRole(dir, showAsGVisor) }
}

const randomDir = "/proc/sys/kernel/random"

// showOwnBoot mounts a file over the ID of the boot, as LXC and systemd-nspawn do.
func showOwnBoot(dir string) error {
	own := filepath.Join(dir, "boot_id")
	if err := os.WriteFile(own, fmt.Appendf(nil, "boot-of-%d\n", os.Getpid()), 0o600); err != nil {
		return err
	}
	return unix.Mount(own, bootFile, "", unix.MS_BIND, "")
}

// showAsGVisor mounts a directory with the two files that gVisor has there, both in procfs. Its ID of the boot is a random one.
func showAsGVisor(dir string) error {
	own := filepath.Join(dir, fmt.Sprintf("random-of-%d", os.Getpid()))
	if err := os.Mkdir(own, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"boot_id", "uuid"} {
		file := filepath.Join(own, name)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			return err
		}
		if err := unix.Mount(filepath.Join(randomDir, "uuid"), file, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	return unix.Mount(own, randomDir, "", unix.MS_BIND|unix.MS_REC, "")
}

// containerRole asks for a lease in a mount namespace, where the ID of the boot is another than the machine's. It prints what the
// process knows of its origin, whether it has a clock that counts suspension, and what became of the request.
func containerRole(dir string, show func(dir string) error) error {
	machines := line(bootFile)
	if err := show(dir); err != nil {
		return err
	}
	if shown := line(bootFile); shown == "" || shown == machines {
		return fmt.Errorf("the boot is %q: nothing is mounted over it", shown)
	}
	fmt.Printf("origin %+v, boot clock %v\n", here(), host.SinceBoot() > 0)
	_, err := New(dir).Acquire(context.Background(), lease.Request{Name: "a", Holder: "x", Length: time.Hour})
	held := errors.Is(err, lease.ErrHeld)
	fmt.Printf("held %v, another error %v\n", held, err != nil && !held)
	return nil
}

// Two containers of LXC that are copies of one have the same machine ID and different boot IDs, at the same time, and so have two of
// gVisor in one pod. Neither may take the other for its machine before a restart.
func TestBootIDOfAContainer(t *testing.T) {
	t.Parallel()
	if bootID() == "" {
		t.Skip("the ID of the boot is hidden from this process itself")
	}
	for _, role := range []string{"container", "sandbox"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for n, wantHeld := range []bool{false, true} {
				cmd := spawn.Self(roleEnv+"="+role, dirEnv+"="+dir)
				cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS} // what it mounts, nobody else sees
				says, err := cmd.Output()
				if errors.Is(err, syscall.EPERM) {
					t.Skip("only root, with CAP_SYS_ADMIN, can mount something over the ID of the boot: run it as root")
				}
				require.NoError(t, err, "%s", says)
				want := fmt.Sprintf("origin %+v, boot clock %v\nheld %v, another error false\n", origin{}, role != "sandbox", wantHeld)
				assert.Equal(t, want, string(says), "container %d", n)
			}
		})
	}
}

func TestIsKernels(t *testing.T) {
	t.Parallel()
	assert.True(t, isKernels("/proc/self/stat"))
	other := filepath.Join(t.TempDir(), "boot_id")
	require.NoError(t, os.WriteFile(other, []byte("another"), 0o600))
	assert.False(t, isKernels(other))
	assert.False(t, isKernels(other+"-that-is-not-there"))
}
