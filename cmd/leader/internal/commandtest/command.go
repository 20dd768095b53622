// Package commandtest runs the leader command for tests: built, in processes, as people and service managers have it.
package commandtest

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	binary string // with the race detector if this test has it
	brief  string // without it: a process starts four times as fast
	homes  string // below it each test has another home
)

// lasting are the commands in which several goroutines live long enough to meet.
var lasting = []string{"doctor", "fleet", "guard", "handover", "run", "ui", "watch"}

// Main builds the command, and runs the tests. It is for TestMain, and does not return.
func Main(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "leader-")
		if err == nil {
			defer os.RemoveAll(dir)
			binary, homes = filepath.Join(dir, "leader.exe"), filepath.Join(dir, "homes") // .exe: Windows wants it, nobody else minds
			brief = binary
			if raced() { // then most of it has been compiled already
				brief = filepath.Join(dir, "brief.exe")
				err = build(binary, "-race")
			}
			err = errors.Join(err, build(brief))
		}
		if err == nil { // most tests wait for processes; what is given on the command line counts
			err = flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0)))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// raced is whether this test has the race detector.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func build(to string, flags ...string) error {
	args := append([]string{"build", "-buildvcs=false", "-o", to}, flags...)
	if out, err := exec.Command("go", append(args, "github.com/cloudlease/leader/cmd/leader")...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// Binary is the file of the command.
func Binary() string { return binary }

// Command is the command with the arguments, and an environment in which no LEADER_ variable is set; add some to Env. All commands of
// a test have the same default store, and no other test has it. The process is killed when the test ends.
func Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	file := brief
	if slices.ContainsFunc(args, func(arg string) bool { return slices.Contains(lasting, arg) }) {
		file = binary
	}
	cmd := exec.CommandContext(t.Context(), file, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "LEADER_") })
	cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+filepath.Join(homes, filepath.FromSlash(t.Name())),
		"GORACE=atexit_sleep_ms=0") // else each process takes a second to end
	return cmd
}
