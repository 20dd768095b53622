package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	o := commandtest.End(t, commandtest.Command(t, "version"))
	o.Want(t, 0, "")
	require.Regexp(t, `^leader \S+ (.* )?go1\.\S+ .*`+runtime.GOOS+"/"+runtime.GOARCH+"\n$", o.Out)
	text, err := refined("--version")
	require.NoError(t, err)
	require.Equal(t, "leader "+version()+"\n", text)
}

func TestBuiltFrom(t *testing.T) {
	t.Parallel()
	setting := func(key, value string) debug.BuildSetting { return debug.BuildSetting{Key: key, Value: value} }
	end := " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	for says, info := range map[string]*debug.BuildInfo{
		"(devel)" + end: {Main: debug.Module{Version: "(devel)"}},
		"v1.2.3" + end:  {Main: debug.Module{Version: "v1.2.3", Sum: "h1:x"}},
		"(devel) 61375 (2026-11-26T06:12:46Z)" + end: {Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
			setting("vcs", "git"), setting("vcs.revision", "61375"), setting("vcs.time", "2026-11-26T06:12:46Z"), setting("vcs.modified", "false"),
		}},
		"v1.2.3+dirty 61375 (2026-11-26T06:12:46Z, changed)" + end: {Main: debug.Module{Version: "v1.2.3+dirty"}, Settings: []debug.BuildSetting{
			setting("vcs.revision", "61375"), setting("vcs.time", "2026-11-26T06:12:46Z"), setting("vcs.modified", "true"),
		}},
		"(devel) 61375 (changed)" + end: {Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
			setting("vcs.revision", "61375"), setting("vcs.modified", "true"),
		}},
	} {
		require.Equal(t, says, builtFrom(info, true).String())
	}
	require.Equal(t, "(unknown)"+end, builtFrom(nil, false).String())
	text, err := json.Marshal(builtFrom(&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3", Sum: "h1:x"}}, true))
	require.NoError(t, err)
	require.JSONEq(t, `{"version": "v1.2.3", "sum": "h1:x", "go": "`+runtime.Version()+`", "os": "`+runtime.GOOS+`", "arch": "`+runtime.GOARCH+`"}`, string(text))
}

// A command that is built in a clone says from which commit, and that there are changes. (Go stamps no commit in a worktree.)
func TestVersionOfABuild(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "leader")
	run := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
		require.NoError(t, err, string(out))
		return strings.TrimSpace(string(out))
	}
	run("git", "clone", "--quiet", run("git", "rev-parse", "--show-toplevel"), dir)
	text, err := os.ReadFile("version.go")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cmd", "leader", "version.go"), text, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a change"), nil, 0o600))
	binary := filepath.Join(t.TempDir(), "leader.exe")
	run("go", "-C", dir, "build", "-buildvcs=true", "-ldflags=-w", "-tags", "no_azblob,no_dynamodb,no_gs,no_s3", "-o", binary, "./cmd/leader")
	out, err := exec.CommandContext(t.Context(), binary, "version", "--json").Output()
	require.NoError(t, err)
	var got build
	require.NoError(t, json.Unmarshal(out, &got))
	require.Equal(t, run("git", "rev-parse", "HEAD"), got.Revision)
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, got.Time)
	require.True(t, got.Modified)
	require.Equal(t, runtime.Version(), got.Go)
}
