//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// childVariable makes this test's binary the job.
const childVariable = "JOB_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// Ten machines, whose triggers come at about the same time, and one whose trigger is late.
func TestOneOfManyDoesIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	job := func(node int) string { return runJob(t, dir, "-node", strconv.Itoa(node)) }
	var all sync.WaitGroup
	for node := range 10 {
		all.Go(func() { job(node) })
	}
	all.Wait()
	require.Contains(t, job(10), "nothing to do: lease \"report\" is held")
	journal, err := os.ReadFile(dir + "/journal")
	require.NoError(t, err)
	require.Regexp(t, `^reported by \d with token 1\n$`, string(journal))
}

// runJob runs the job on a machine, and returns what it prints.
func runJob(t *testing.T, dir string, args ...string) string {
	cmd := exec.CommandContext(t.Context(), os.Args[0], append(args, "-store", "file://"+dir+"/lease", "-journal", dir+"/journal")...)
	cmd.Env = append(os.Environ(), childVariable+"=1", "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// A machine that is not named has the host's name.
func TestNodeByDefault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	runJob(t, dir)
	host, err := os.Hostname()
	require.NoError(t, err)
	journal, err := os.ReadFile(dir + "/journal")
	require.NoError(t, err)
	require.Equal(t, "reported by "+host+" with token 1\n", string(journal))
}

// The command lines for cron and systemd, each on three machines: all that is changed is where things are.
func TestSchedules(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(bin, "leader"), "../../cmd/leader").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.WriteFile(filepath.Join(bin, "report"), []byte("#!/bin/sh\necho $LEADER_TOKEN >>$JOURNAL\n"), 0o700))
	for file, line := range map[string]*regexp.Regexp{
		"crontab":        regexp.MustCompile(`(?m)^0 3 \* \* \* report (.*)$`),
		"report.service": regexp.MustCompile(`(?m)^ExecStart=(.*)$`),
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Contains(t, string(content), "LEADER_STORE=dynamodb://leases?region=eu-west-1\n")
			found := line.FindSubmatch(content)
			require.NotNil(t, found)
			command := strings.ReplaceAll(string(found[1]), "/usr/local/bin", bin)
			dir := t.TempDir()
			for range 3 {
				cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
				cmd.Env = append(os.Environ(), "LEADER_STORE=file://"+dir+"/lease", "JOURNAL="+dir+"/journal")
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s", out)
				if file == "crontab" {
					require.Empty(t, string(out), "cron sends it as a mail, from each machine, each night")
				}
			}
			journal, err := os.ReadFile(dir + "/journal")
			require.NoError(t, err)
			require.Equal(t, "1\n", string(journal))
		})
	}
}
