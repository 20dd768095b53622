package file

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A power failure cannot be had here, so this looks at what is asked of the disk, and in which order.
func TestWritesReachTheDisk(t *testing.T) {
	t.Parallel()
	base, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	var steps []string
	note := func(step ...string) {
		line := strings.Join(step, " ")
		if strings.Contains(line, base) { // the directories above are none of the test's business
			steps = append(steps, filepath.ToSlash(strings.ReplaceAll(line, base, "")))
		}
	}
	s := NewStore(filepath.Join(base, "new", "leases"))
	s.disk = disk{
		link:   realDisk.link,
		sync:   func(f *os.File) error { note("sync", f.Name()); return realDisk.sync(f) },
		rename: func(from, to string) error { note("rename", from, to); return realDisk.rename(from, to) },
	}
	name := strings.Repeat("a", maxPiece+1)
	version, err := s.Swap(t.Context(), name, "", []byte("x"))
	require.NoError(t, err)
	_, err = s.Swap(t.Context(), name, version, []byte("y"))
	require.NoError(t, err)

	piece := "/new/leases/" + prefix + strings.Repeat("a", maxPiece)
	cell := piece + "/" + prefix + "a"
	write := []string{"sync " + cell + tempSuffix, "rename " + cell + tempSuffix + " " + cell + cellSuffix, "sync " + piece}
	want := append(append([]string{"sync /new/leases", "sync /new", "sync "}, write...), write...)
	if runtime.GOOS == "windows" { // which brings no directory to the disk on request
		want = append(write[:2:2], write[:2]...)
	}
	assert.Equal(t, want, steps)
}
