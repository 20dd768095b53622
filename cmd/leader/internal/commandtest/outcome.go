package commandtest

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// An Outcome is the outcome of a command, as a person sees it.
type Outcome struct {
	Out, Err string
	Code     int
}

// End runs the command to its end.
func End(t testing.TB, cmd *exec.Cmd) Outcome {
	t.Helper()
	return Begin(t, cmd)()
}

// Begin starts the command; what it returns waits for its end.
func Begin(t testing.TB, cmd *exec.Cmd) (end func() Outcome) {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait := sync.OnceValue(cmd.Wait)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = wait()
	})
	return func() Outcome {
		t.Helper()
		err := wait()
		if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
			t.Fatal(err)
		}
		return Outcome{out.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	}
}

// Want fails the test unless the command ended with the code, and said so in one line with the text in it, or nothing if that is empty.
func (o Outcome) Want(t testing.TB, code int, text string) {
	t.Helper()
	oneLine := strings.HasPrefix(o.Err, "leader: ") && strings.Count(o.Err, "\n") == 1
	switch {
	case o.Code != code:
		t.Fatalf("exit code %d, and not %d: %s%s", o.Code, code, o.Out, o.Err)
	case text == "" && o.Err != "":
		t.Fatalf("it says %q, and is to say nothing", o.Err)
	case text != "" && !strings.Contains(o.Err, text):
		t.Fatalf("it says %q, without %q", o.Err, text)
	case text != "" && !oneLine:
		t.Fatalf("%q is not one line", o.Err)
	}
}
