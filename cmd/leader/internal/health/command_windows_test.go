package health

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Quotes are those of the shell, also the first and the last.
func TestCommandQuotes(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state of it")
	require.NoError(t, os.WriteFile(state, []byte("ok\r\n"), 0o600))
	for _, command := range []string{`if "a b"=="a b" (exit 0) else (exit 1)`, `findstr "ok" "` + state + `"`, `"%ComSpec%" /C "exit 0"`} {
		require.NoError(t, Check{Command: command}.Func()(t.Context()), command)
	}
}

// One that hangs is unhealthy, and nothing of it stays: a file that a process writes cannot be removed.
func TestCommandHangs(t *testing.T) {
	t.Parallel()
	said := filepath.Join(t.TempDir(), "what ping says")
	hangs := Check{Command: `ping -n 1000 127.0.0.1 >"` + said + `"`, Timeout: 2 * time.Second}
	require.ErrorContains(t, hangs.Func()(t.Context()), "--health-cmd: context deadline exceeded")
	require.FileExists(t, said)
	require.Eventually(t, func() bool { return os.Remove(said) == nil }, time.Minute, 10*time.Millisecond)
}
