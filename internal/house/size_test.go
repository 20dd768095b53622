package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nothing in the repository is large: a program that was compiled in the wrong place stays in the history for ever.
func TestNoLargeFiles(t *testing.T) {
	const most = 1 << 20
	root := filepath.Join("..", "..")
	list := exec.Command("git", "ls-files", "-z")
	list.Dir = root
	files, err := list.Output()
	require.NoError(t, err, "git ls-files")
	for name := range strings.SplitSeq(strings.TrimSuffix(string(files), "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // it was removed, and that is not committed yet
		}
		require.NoError(t, err)
		require.Less(t, info.Size(), int64(most), "%s", name)
	}
}
