package file_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/scenario"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

func TestScenario(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	scenario.Run(t, scenario.Place{
		Age:     runtime.GOOS == "linux" || runtime.GOOS == "darwin",
		Connect: func(testing.TB) (lease.Manager, func()) { return scenario.Cut(file.New(dir)) },
		Token: func(t testing.TB, _ string) uint64 {
			files, err := filepath.Glob(filepath.Join(dir, "*.json"))
			require.NoError(t, err)
			require.Len(t, files, 1)
			content, err := os.ReadFile(files[0])
			require.NoError(t, err)
			_, record, _ := bytes.Cut(content, []byte("\n"))
			return scenario.TokenIn(t, record)
		},
	})
}
