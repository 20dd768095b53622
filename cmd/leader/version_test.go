package main

import (
	"encoding/json"
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

// A command that is built in the repository says from which commit.
func TestVersionOfABuild(t *testing.T) {
	t.Parallel()
	git := func(args ...string) string {
		out, err := exec.Command("git", args...).Output()
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	binary := filepath.Join(t.TempDir(), "leader.exe")
	out, err := exec.Command("go", "build", "-buildvcs=true", "-ldflags=-w", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	text, err := exec.Command(binary, "version", "--json").Output()
	require.NoError(t, err)
	var got build
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, git("rev-parse", "HEAD"), got.Revision)
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, got.Time)
	require.Equal(t, git("status", "--porcelain") != "", got.Modified)
	require.Equal(t, runtime.Version(), got.Go)
}
