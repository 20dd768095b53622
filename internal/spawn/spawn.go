// Package spawn runs processes for tests that read what they write while they run.
package spawn

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// patience is how long a process may take to write a line that the test waits for.
const patience = time.Minute

// A Process is a process that a test has started. It is killed when the test ends, if it still runs.
type Process struct {
	*os.Process
	t     testing.TB
	stdin io.WriteCloser
	lines chan string // of its standard output; closed after the last one
	ended chan error  // has how it ended, and is closed
}

// Self returns a command that runs the test's own binary, with more variables in its environment. TestMain sees by them that it
// is to be another program.
func Self(environment ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	// Without the first variable, the race detector keeps each process for a second.
	cmd.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=0"), environment...)
	cmd.Stderr = os.Stderr
	return cmd
}

// Start starts the command. Its standard input and output are the Process's.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	stdin, errIn := cmd.StdinPipe()
	stdout, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatalf("start %v: %v", cmd.Args, err)
	}
	p := &Process{cmd.Process, t, stdin, make(chan string, 1000), make(chan error, 1)}
	go func() {
		defer close(p.ended)
		for out := bufio.NewScanner(stdout); out.Scan(); {
			p.lines <- out.Text()
		}
		close(p.lines)
		p.ended <- cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.Kill()
		_ = p.Wait()
	})
	return p
}

// Line returns the next line of the process's output, and fails the test if there is none.
func (p *Process) Line() string {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			p.t.Fatalf("process %d has ended, and was to write a line", p.Pid)
		}
		return line
	case <-time.After(patience):
		p.t.Fatalf("process %d has not written a line in %v", p.Pid, patience)
		return ""
	}
}

// After skips lines until one begins so, and returns the rest of that line.
func (p *Process) After(beginning string) string {
	p.t.Helper()
	for {
		if rest, ok := strings.CutPrefix(p.Line(), beginning); ok {
			return rest
		}
	}
}

// Lines returns the lines that are left, until the process ends.
func (p *Process) Lines() iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range p.lines {
			if !yield(line) {
				return
			}
		}
	}
}

// Tell writes a line to the process's input.
func (p *Process) Tell(line string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.stdin, line); err != nil {
		p.t.Fatalf("tell process %d %q: %v", p.Pid, line, err)
	}
}

// Wait waits for the process to end, as exec.Cmd.Wait does. It drops the lines that are left. Call it once.
func (p *Process) Wait() error {
	for range p.lines {
	}
	return <-p.ended
}

// End closes the process's input, and waits.
func (p *Process) End() error {
	_ = p.stdin.Close()
	return p.Wait()
}
