//go:build unix

package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The machine's own Python is asked with its version or its modules changed. Where there is none, there is nothing to ask.
func python3(t *testing.T) string {
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 here:", err)
	}
	return path
}

func TestPythonsThatWillNotDo(t *testing.T) {
	t.Parallel()
	python := python3(t)
	for name, c := range map[string]struct{ change, reason string }{
		"too old":          {`sys.version_info = (3, 10, 13)`, "it is Python 3.10, and 3.11 or later is needed"},
		"much too old":     {`sys.version_info = (2, 7, 18)`, "it is Python 2.7, and 3.11 or later is needed"},
		"without venv":     {`sys.version_info = (3, 11, 0); sys.modules["venv"] = None`, "apt install python3-venv"},
		"without its part": {`sys.version_info = (3, 11, 0); sys.modules["ensurepip"] = None`, "apt install python3-venv"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := filepath.Join(t.TempDir(), "python3")
			require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\nexec '"+python+"' \"$1\" \"$2\" 'import sys; "+c.change+"\n'\"$3\"\n"), 0o700))
			_, err := try(t.Context(), script)
			require.ErrorContains(t, err, c.reason)
			assert.NotContains(t, err.Error(), "Traceback")
		})
	}
}

func TestNoPython(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("PATH", t.TempDir())
	_, err := Pythons(t.Context())
	require.ErrorContains(t, err, "need Python 3.11 or later, with venv: there is none on the PATH")
	require.ErrorContains(t, err, "name it with LEADER_PYTHON, or use Docker")

	t.Setenv(pythonVariable, "python-that-is-not-there")
	_, err = Pythons(t.Context())
	require.ErrorContains(t, err, `python-that-is-not-there will not do: exec: "python-that-is-not-there": executable file not found`)
}

// A Python that will not do is not the last word: there may be another.
func TestTheFirstPythonThatWillDo(t *testing.T) {
	python := python3(t)
	if _, err := try(t.Context(), python); err != nil {
		t.Skip("python3 will not do here:", err)
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "python3"), []byte("#!/bin/sh\necho it is broken\nexit 1\n"), 0o700))
	require.NoError(t, os.Symlink(python, filepath.Join(dir, "python3.12")))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+strings.TrimPrefix(os.Getenv("PATH"), dir))
	require.NoError(t, os.Symlink(python, filepath.Join(dir, "python3.11")))
	found, err := Pythons(t.Context())
	require.NoError(t, err)
	assert.NotContains(t, found, filepath.Join(dir, "python3"))
	assert.NotContains(t, found, filepath.Join(dir, "python3.11"), "it is another, by another name")
}
