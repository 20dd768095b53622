//go:build unix

package suspend

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"
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
	path := filepath.Join(t.TempDir(), "lock")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), variable+"="+path)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(stdout)
	for range 20 {
		_, err := fmt.Fprintln(stdin)
		require.NoError(t, err)
		require.True(t, lines.Scan()) // it has the lock
		require.NoError(t, Between(cmd.Process.Pid, path))
		l := flock.New(path)
		free, err := l.TryLock()
		require.NoError(t, err)
		require.True(t, free, "it was suspended with the lock")
		require.NoError(t, l.Close())
		require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
	}
}
