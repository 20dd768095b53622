//go:build unix

package commandtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/internal/transcript"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

const (
	StuckAfter = 30 * time.Second
	often      = 2 * time.Millisecond // how often what is waited for is looked at
)

// A Site is shared by the nodes of a test: a store in a directory, and a file that their programs write to.
type Site struct {
	T     testing.TB
	Store string // the directory
	File  string
}

// NewSite makes the test a parallel one.
func NewSite(t *testing.T) Site {
	t.Parallel()
	dir := t.TempDir()
	s := Site{T: t, Store: filepath.Join(dir, "store"), File: filepath.Join(dir, "file")}
	// Before the directory is removed, which a guard would make anew that gives its lease back.
	t.Cleanup(func() { Eventually(t, "no guard is left", func() bool { return !s.guarded() }) })
	return s
}

// guarded reports whether a guard of this site's runs, where there is a /proc to tell.
func (s Site) guarded() bool {
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range commands {
		command, _ := os.ReadFile(path)
		environ, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		if strings.HasPrefix(string(command), "leader\x00guard\x00") && strings.Contains(string(environ), "FILE="+s.File+"\x00") {
			return true
		}
	}
	return false
}

// A Node is a leader run that has been started.
type Node struct {
	T      testing.TB
	Cmd    *exec.Cmd
	Output *transcript.Transcript
	Done   chan struct{} // closed when it has ended
}

// Command is leader run with the arguments. The program finds the site's file as $FILE.
func (s Site) Command(args ...string) *exec.Cmd { return s.command([]string{"run"}, args) }

// Fleet is leader fleet run, likewise.
func (s Site) Fleet(args ...string) *exec.Cmd { return s.command([]string{"fleet", "run"}, args) }

func (s Site) command(name, args []string) *exec.Cmd {
	cmd := Command(s.T, slices.Concat(name, []string{"--store", store.FileURL(s.Store)}, args)...)
	cmd.Env = append(cmd.Env, "FILE="+s.File)
	return cmd
}

// Quick is the flags of a short lease.
func Quick(args ...string) []string { return append([]string{"--lease-length", "1500ms"}, args...) }

// Minute is the flags of a lease that keeps the next leader waiting for longer than a test waits, if it has to run out.
func Minute(args ...string) []string {
	return append([]string{"--lease-length", "60s", "--acquire-every", "100ms", "--stop-timeout", "500ms"}, args...)
}

// Start starts a node.
func (s Site) Start(args ...string) *Node { return s.Launch(s.Command(args...)) }

// Launch starts a node by a command that has been changed. It is killed when the test ends.
func (s Site) Launch(cmd *exec.Cmd) *Node {
	s.T.Helper()
	n := &Node{T: s.T, Cmd: cmd, Output: &transcript.Transcript{}, Done: make(chan struct{})}
	cmd.Stderr = n.Output
	if cmd.Stdout == nil {
		cmd.Stdout = n.Output
	}
	if err := cmd.Start(); err != nil {
		s.T.Fatal(err)
	}
	go func() {
		defer close(n.Done)
		_ = cmd.Wait() // also for all that holds its output
	}()
	s.T.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Kill()
		n.Wait()
		if s.T.Failed() {
			s.T.Logf("%v:\n%s", cmd.Args, n.Output)
		}
	})
	return n
}

// Signal sends leader itself a signal.
func (n *Node) Signal(s os.Signal) {
	n.T.Helper()
	if err := n.Cmd.Process.Signal(s); err != nil {
		n.T.Fatal(err)
	}
}

// Wait returns the exit code once leader, and all that it started, have ended.
func (n *Node) Wait() int {
	n.T.Helper()
	select {
	case <-n.Done:
	case <-time.After(StuckAfter):
		n.T.Fatal("it does not end", n.Output.String())
	}
	return n.Cmd.ProcessState.ExitCode()
}

// Says reports whether the node has written the text.
func (n *Node) Says(text string) bool { return strings.Contains(n.Output.String(), text) }

// Await waits until the node has written the text.
func (n *Node) Await(text string) {
	n.T.Helper()
	Eventually(n.T, fmt.Sprintf("%v says %q", n.Cmd.Args, text), func() bool { return n.Says(text) })
}

// Eventually waits until something is so.
func Eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	Within(t, StuckAfter, what, is)
}

// Within is Eventually for what takes longer, several leases that run out one after another.
func Within(t testing.TB, limit time.Duration, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !is(); time.Sleep(often) {
		if time.Now().After(deadline) {
			t.Fatalf("never, within %v: %s", limit, what)
		}
	}
}

// Lines are those that programs have written to the file.
func (s Site) Lines() []string {
	s.T.Helper()
	content, err := os.ReadFile(s.File)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.T.Fatal(err)
	}
	return strings.Fields(string(content))
}

// AwaitLines waits for n lines, and returns all.
func (s Site) AwaitLines(n int) (lines []string) {
	s.T.Helper()
	Eventually(s.T, fmt.Sprintf("%d lines in the file", n), func() bool {
		lines = s.Lines()
		return len(lines) >= n
	})
	return lines
}

// AwaitPids waits for n lines, which are process ids.
func (s Site) AwaitPids(n int) (pids []int) {
	s.T.Helper()
	for _, line := range s.AwaitLines(n) {
		pid, err := strconv.Atoi(line)
		if err != nil {
			s.T.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// Lease is the lease as somebody sees it who has just come.
func (s Site) Lease(name string) lease.Info {
	s.T.Helper()
	info, err := lease.Inspect(s.T.Context(), file.New(s.Store), name)
	if err != nil {
		s.T.Fatal(err)
	}
	return info
}

// DeleteRecord deletes the lease's record, under the store's lock: a writer that has read the record, and has not yet
// replaced it, would bring it back.
func (s Site) DeleteRecord(name string) {
	s.T.Helper()
	path := filepath.Join(s.Store, "lease-"+name)
	ctx, cancel := context.WithTimeout(s.T.Context(), StuckAfter)
	defer cancel()
	lock := flock.New(path + ".lock")
	if _, err := lock.TryLockContext(ctx, often); err != nil {
		s.T.Fatal(err)
	}
	if err := errors.Join(os.Remove(path+".json"), lock.Close()); err != nil {
		s.T.Fatal(err)
	}
}
