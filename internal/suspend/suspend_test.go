//go:build unix

package suspend

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/spawn"
)

const variable = "SUSPEND_TEST_LOCK"

// TestMain makes this binary the process that is suspended. At each line of its input it locks a file, says so, and is busy for
// as long as a disk is.
func TestMain(m *testing.M) {
	path := os.Getenv(variable)
	if path == "" {
		os.Exit(m.Run())
	}
	l := flock.New(path)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		_ = l.Lock()
		fmt.Println("locked")
		time.Sleep(5 * time.Millisecond)
		_ = l.Unlock()
	}
}

func TestBetween(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.lock"), nil, 0o600))
	path := filepath.Join(dir, "b.lock")
	p := spawn.Start(t, spawn.Self(variable+"="+path))
	for range 20 {
		p.Tell("lock")
		require.Equal(t, "locked", p.Line())
		require.NoError(t, Between(p.Pid, dir))
		l := flock.New(path)
		free, err := l.TryLock()
		require.NoError(t, err)
		require.True(t, free, "it was suspended with the lock")
		require.NoError(t, l.Close())
		require.NoError(t, p.Signal(syscall.SIGCONT))
	}
}
