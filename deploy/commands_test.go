//go:build unix

package deploy

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// A commandLine of leader, in one of the files.
type commandLine struct {
	file string
	args []string
}

var (
	// A list in HCL, in JSON or in YAML, with the path of the command.
	listed  = regexp.MustCompile(`\[[^\[\]]*/leader\b[^\[\]]*\]`)
	started = regexp.MustCompile(`(?m)^Exec\w+=(\S*/leader .*)$`)
	named   = regexp.MustCompile(`/bin[\w/-]*/leader\b`)
	aside   = regexp.MustCompile(`(?m)^\s*#.*$|^COPY .*$|description *=.*|-o \S+`) // a file may name the command there, and not call it
)

// Each command line of leader in the files works, on a store in a directory: the platform's program is a script here.
func TestCommandLines(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", filepath.Join(bin, "leader"), "./cmd/leader")
	build.Dir = ".."
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.WriteFile(filepath.Join(bin, "program"), []byte("#!/bin/sh\necho works with token $LEADER_TOKEN\n"), 0o700))
	lines := commandLines(t)
	require.GreaterOrEqual(t, len(lines), 5)
	for _, line := range lines {
		t.Run(line.file+" "+line.args[0], func(t *testing.T) {
			t.Parallel()
			args := slices.Clone(line.args)
			if end := slices.Index(args, "--"); end >= 0 {
				args = append(args[:end+1], filepath.Join(bin, "program"))
			}
			if listen := slices.Index(args, "--listen"); listen >= 0 {
				args[listen+1] = "127.0.0.1:0"
			}
			cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "leader"), args...)
			cmd.Env = append(os.Environ(), "LEADER_STORE=file://"+t.TempDir(), "LEADER_NAME=orders", "LEADER_DRAIN_TIMEOUT=8s")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s: leader %q\n%s", line.file, line.args, out)
			if args[0] == "run" {
				require.Contains(t, string(out), "works with token 1")
			}
		})
	}
}

// commandLines returns all of them. Every file that names the command's path has one.
func commandLines(t *testing.T) (all []commandLine) {
	eachFile(t, func(file, text string) {
		before := len(all)
		for _, list := range listed.FindAllString(text, -1) {
			var words []string
			require.NoError(t, yaml.Unmarshal([]byte(list), &words), "%s: %s", file, list)
			if command := words[len(words)-1]; words[0] == "sh" { // a script, whose last command it is
				words = strings.Fields(command[strings.LastIndex(command, "&&")+2:])
			}
			require.Equal(t, "leader", path.Base(words[0]), "%s: %s", file, list)
			all = append(all, commandLine{file, words[1:]})
		}
		for _, line := range started.FindAllStringSubmatch(text, -1) {
			all = append(all, commandLine{file, strings.Fields(line[1])[1:]})
		}
		assert.True(t, len(all) > before || !named.MatchString(aside.ReplaceAllString(text, "")), "%s names the command, and this test finds no command line there", file)
	})
	return all
}
