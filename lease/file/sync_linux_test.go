package file

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func init() { roles["twice"] = twiceRole }

// twiceRole makes a cell in a directory of a directory, and replaces it.
func twiceRole(dir string) error {
	s, ctx := NewStore(dir), context.Background()
	name := strings.Repeat("a", maxPiece+1)
	version, err := s.Swap(ctx, name, "", []byte("x"))
	if err == nil {
		_, err = s.Swap(ctx, name, version, []byte("y"))
	}
	return err
}

// A power failure cannot be had here, so this looks at what is asked of the system, and in which order.
func TestWritesReachTheDisk(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace:", err)
	}
	base, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, "-f", "-y", "-s", "4096", "-o", trace, "-e", "trace=fsync,fdatasync,?rename,?renameat,?renameat2", os.Args[0])
	cmd.Env = environment("twice", filepath.Join(base, "new", "leases"))
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "ptrace") {
			t.Skipf("strace may not trace here: %s", out)
		}
		require.NoError(t, err, string(out))
	}
	text, err := os.ReadFile(trace)
	require.NoError(t, err)

	var steps []string
	synced := regexp.MustCompile(`sync\(\d+<(.*?)>`)
	renamed := regexp.MustCompile(`rename.*"(.*?)".*"(.*?)"`)
	for _, call := range strings.Split(string(text), "\n") {
		step := ""
		if m := synced.FindStringSubmatch(call); m != nil {
			step = "sync " + m[1]
		} else if m := renamed.FindStringSubmatch(call); m != nil {
			step = "rename " + m[1] + " " + m[2]
		}
		if strings.Contains(step, base) { // the directories above are none of the test's business
			steps = append(steps, strings.ReplaceAll(step, base, ""))
		}
	}
	piece := "/new/leases/" + prefix + strings.Repeat("a", maxPiece)
	cell := piece + "/" + prefix + "a"
	write := []string{"sync " + cell + tempSuffix, "rename " + cell + tempSuffix + " " + cell + cellSuffix, "sync " + piece}
	assert.Equal(t, append(append([]string{"sync /new/leases", "sync /new", "sync "}, write...), write...), steps)
}
