package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cloudlease/leader/internal/spawn"
	"github.com/cloudlease/leader/lease"
)

func init() { roles["container"] = containerRole }

// containerRole asks for a lease in a mount namespace, where a file is mounted over the ID of the boot, as LXC and systemd-nspawn do.
// It prints what the process knows of its origin, and what became of the request.
func containerRole(dir string) error {
	own := filepath.Join(dir, "boot_id")
	if err := os.WriteFile(own, fmt.Appendf(nil, "boot-of-%d\n", os.Getpid()), 0o600); err != nil {
		return err
	}
	if err := unix.Mount(own, bootFile, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	if shown := line(bootFile); !strings.HasPrefix(shown, "boot-of-") {
		return fmt.Errorf("the boot is %q: the file is not mounted", shown)
	}
	fmt.Printf("origin %+v\n", here())
	_, err := New(dir).Acquire(context.Background(), lease.Request{Name: "a", Holder: "x", Length: time.Hour})
	held := errors.Is(err, lease.ErrHeld)
	fmt.Printf("held %v, another error %v\n", held, err != nil && !held)
	return nil
}

// Two containers of LXC that are copies of one have the same machine ID and different boot IDs, at the same time. Neither may take
// the other for its machine before a restart.
func TestBootIDOfAContainer(t *testing.T) {
	t.Parallel()
	if bootID() == "" {
		t.Skip("the ID of the boot is hidden from this process itself")
	}
	dir := t.TempDir()
	for n, wantHeld := range []bool{false, true} {
		cmd := spawn.Self(roleEnv+"=container", dirEnv+"="+dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS} // what it mounts, nobody else sees
		says, err := cmd.Output()
		if errors.Is(err, syscall.EPERM) {
			t.Skip("only root, with CAP_SYS_ADMIN, can mount a file over the ID of the boot: run it as root")
		}
		require.NoError(t, err, "%s", says)
		assert.Equal(t, fmt.Sprintf("origin %+v\nheld %v, another error false\n", origin{}, wantHeld), string(says), "container %d", n)
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
