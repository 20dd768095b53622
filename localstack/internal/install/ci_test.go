//go:build unix

package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// .ci/installs installs when the installer is another one than the one that it has passed with, and only then. Here, in a
// repository that has little else, go builds a script.
func TestInstallsWhenTheInstallerHasChanged(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git here:", err)
	}
	dir, bin := t.TempDir(), t.TempDir()
	script, err := os.ReadFile("../../../.ci/installs")
	require.NoError(t, err)
	file := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	put := func(name, content string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(file(name)), 0o700))
		require.NoError(t, os.WriteFile(file(name), []byte(content), 0o700))
	}
	installer := "localstack/internal/install/"
	put(".ci/installs", string(script))
	put(installer+"install.go", "1")
	put(installer+"pins/pom.xml", "1")
	put("README.md", "1")
	write(t, filepath.Join(bin, "go"), `printf '#!/bin/sh\nset -e\ntest -z "$(ls -A "$XDG_CACHE_HOME" 2>/dev/null)"\necho >>"%s/ran"\ntest ! -e "%s/broken"\n' "$DIR" "$DIR" >"$3"; chmod +x "$3"`)
	sh := func(command string) error {
		cmd := exec.Command("bash", "-c", command)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, t.Output(), t.Output()
		cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "XDG_CACHE_HOME="+file("cache"), "DIR="+dir)
		return cmd.Run()
	}
	require.NoError(t, sh("git init -q && git add -A"))
	for _, c := range []struct{ change, what string }{
		{"true", "it never passed"},
		{"echo 2 >" + installer + "pins/pom.xml", "a pin is another"},
		{"echo 2 >" + installer + "install.go && git add -A", "the code is another, committed or not"},
		{"echo 1 >" + installer + "new.go", "there is more code"},
		{"rm " + installer + "new.go", "there is less code"},
	} {
		require.NoError(t, sh(c.change))
		require.NoError(t, sh("touch broken"))
		require.Error(t, sh(".ci/installs"), c.what)
		require.NoError(t, sh("rm broken ran"))
		require.NoError(t, sh(".ci/installs"), c.what)
		require.FileExists(t, file("ran"), "%s: what did not pass is not done", c.what)
		require.NoError(t, sh("rm ran && echo >>README.md && echo >>"+installer+"a_test.go"))
		require.NoError(t, sh(".ci/installs"))
		assert.NoFileExists(t, file("ran"), "%s: it has passed, and only a test or a page is another since", c.what)
	}
	require.NoError(t, sh("FORCE=1 .ci/installs"))
	assert.FileExists(t, file("ran"))
}
