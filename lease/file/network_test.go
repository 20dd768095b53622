package file

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLocalFileSystem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, dir := range []string{dir, filepath.Join(dir, "not", "yet"), ".", ""} {
		name, err := NetworkFS(dir)
		require.NoError(t, err, dir)
		assert.Empty(t, name, dir)
	}
	_, err := NetworkFS("\x00")
	assert.Error(t, err)
}
