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
	"go.yaml.in/yaml/v3"

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
		"v1.2.4-0.20261126061246-613754a1b2c3 613754a1b2c3 (2026-11-26T06:12:46Z)" + end: {Main: debug.Module{Version: "v1.2.4-0.20261126061246-613754a1b2c3", Sum: "h1:x"}},
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

// A release, which is built in a clone at its tag, says the tag, the commit and when that was made, beside the folder in which
// goreleaser puts what it makes; and one with changes says so. (Go stamps no commit in a worktree.)
func TestVersionOfABuild(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "leader")
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=2026-11-26T07:12:46+01:00")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return strings.TrimSpace(string(out))
	}
	run("git", "clone", "--quiet", run("git", "rev-parse", "--show-toplevel"), dir)
	for _, name := range []string{".gitignore", ".goreleaser.yaml", "cmd/leader/version.go"} { // as they are here
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	run("git", "-C", dir, "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "--all", "--allow-empty", "-m", "release")
	run("git", "-C", dir, "tag", "v1.2.3")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "dist"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "dist", "config.yaml"), nil, 0o600))

	built := func() (b build) {
		t.Helper()
		binary := filepath.Join(t.TempDir(), "leader.exe")
		run("go", append(append([]string{"-C", dir, "build", "-buildvcs=true"}, releaseFlags(t)...),
			"-tags", "no_azblob,no_dynamodb,no_gs,no_s3", "-o", binary, "./cmd/leader")...)
		out, err := exec.CommandContext(t.Context(), binary, "version", "--json").Output()
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(out, &b))
		return b
	}
	want := build{
		Version: "v1.2.3", Revision: run("git", "-C", dir, "rev-parse", "HEAD"), Time: "2026-11-26T06:12:46Z",
		Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
	}
	require.Equal(t, want, built())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a change"), nil, 0o600))
	want.Version, want.Modified = "v1.2.3+dirty", true
	require.Equal(t, want, built())
}

// releaseFlags are those with which goreleaser builds the command.
func releaseFlags(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", ".goreleaser.yaml"))
	require.NoError(t, err)
	var config struct {
		Builds []struct{ Flags, Ldflags []string }
	}
	require.NoError(t, yaml.Unmarshal(text, &config))
	require.Len(t, config.Builds, 1)
	require.NotEmpty(t, config.Builds[0].Flags)
	return append(config.Builds[0].Flags, "-ldflags="+strings.Join(config.Builds[0].Ldflags, " "))
}
