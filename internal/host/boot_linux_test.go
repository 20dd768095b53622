package host

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIsGVisors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what  string
		files []string
		is    bool
	}{
		{"Linux", []string{"boot_id", "entropy_avail", "poolsize", "uuid"}, false},
		{"gVisor", []string{"boot_id", "uuid"}, true},
		{"hidden", nil, false},
	} {
		dir := t.TempDir()
		for _, name := range test.files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		}
		require.Equal(t, test.is, isGVisors(dir), test.what)
	}
	require.False(t, isGVisors(filepath.Join(t.TempDir(), "missing")))
}
