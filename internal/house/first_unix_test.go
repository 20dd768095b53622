//go:build unix

package house

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The README's first program, as a deployment stops it, gives its lease back: the next one leads at once.
func TestFirstProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source, binary := filepath.Join(dir, "first.go"), filepath.Join(dir, "first")
	program := goBlock.FindStringSubmatch(read(t, "README.md"))
	require.NotNil(t, program)
	require.NoError(t, os.WriteFile(source, []byte(program[1]), 0o600))
	out, err := exec.Command("go", "build", "-o", binary, source).CombinedOutput()
	require.NoError(t, err, string(out))
	for _, leads := range []string{"I lead, with token 1", "I lead, with token 2"} {
		cmd := exec.CommandContext(t.Context(), binary)
		cmd.Dir = dir
		stderr, err := cmd.StderrPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		lines := bufio.NewScanner(stderr)
		for lines.Scan() && !strings.Contains(lines.Text(), leads) {
			require.NotContains(t, lines.Text(), "another node leads", "the lease was not given back")
		}
		require.NoError(t, lines.Err())
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		for lines.Scan() {
			t.Log(lines.Text())
		}
		require.NoError(t, cmd.Wait())
	}
}
