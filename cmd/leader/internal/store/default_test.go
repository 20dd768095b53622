package store

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A relative directory would be another one wherever the command is called. The specification wants it passed over.
func TestDefault(t *testing.T) {
	home, state := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("LOCALAPPDATA", home)
	t.Setenv("XDG_STATE_HOME", state)
	require.Equal(t, FileURL(filepath.Join(state, "leader")), Default())
	for _, none := range []string{"", "relative/dir", "."} {
		t.Setenv("XDG_STATE_HOME", none)
		require.Contains(t, Default(), filepath.ToSlash(home), none)
	}
}
