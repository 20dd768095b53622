//go:build unix

package health

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
)

// One that hangs is unhealthy, and nothing of it stays.
func TestCommandHangs(t *testing.T) {
	t.Parallel()
	started := filepath.Join(t.TempDir(), "started")
	hangs := Check{Command: `sh -c 'echo $$ >>` + started + `; sleep 1000; :'`, Timeout: time.Second}
	require.ErrorContains(t, hangs.Func()(t.Context()), "--health-cmd: context deadline exceeded")
	text, err := os.ReadFile(started)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	commandtest.Eventually(t, "it is killed", func() bool { return !commandtest.Alive(pid) })
}

// What it says is shown, as far as it is not too long; what it leaves running does not hold it up.
func TestCommandSays(t *testing.T) {
	t.Parallel()
	err := Check{Command: "echo it is sick; head -c 1000 /dev/zero | tr '\\0' x >&2; false"}.Func()(t.Context())
	require.ErrorContains(t, err, "--health-cmd: exit status 1: it is sick")
	require.Less(t, len(err.Error()), 300)
	require.NoError(t, Check{Command: "sleep 5 & exit 0"}.Func()(t.Context()))
}
