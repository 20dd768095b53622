package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// copied is a copy of the module, which mutations may damage.
type copied struct {
	dir   string
	sound map[string]bool // the commands that succeed in it without a mutation, as far as they have been tried
}

// copyModule copies the module in the working directory: all files that git knows or does not ignore, as they are now.
func copyModule(ctx context.Context) (copied, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return copied{}, fmt.Errorf("go env GOMOD: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(out)))
	list := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	if out, err = list.Output(); err != nil {
		return copied{}, fmt.Errorf("git ls-files in %s: %w", root, err)
	}
	c := copied{sound: map[string]bool{}}
	if c.dir, err = os.MkdirTemp("", "mutate"); err != nil {
		return copied{}, err
	}
	for _, name := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, and not committed yet
		}
		if err == nil {
			err = c.write(name, data)
		}
		if err != nil {
			c.remove()
			return copied{}, err
		}
	}
	return c, nil
}

func (c copied) remove() { _ = os.RemoveAll(c.dir) }

func (c copied) write(name string, data []byte) error {
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// finding says how a mutation was found; by is empty if it was not.
type finding struct {
	by     string
	said   string
	worlds int      // how many were run
	with   []string // the arguments of go
}

// try applies a mutation, looks for it, and reverts it.
func (c copied) try(ctx context.Context, m mutation, worlds int, packages []string) (finding, error) {
	edits := append([]edit{m.edit}, m.also...)
	restore, err := c.damage(edits)
	defer restore()
	if err != nil {
		return finding{}, err
	}
	build := []string{"build"}
	for _, e := range edits {
		build = append(build, "./"+filepath.Dir(e.file))
	}
	if out, err := c.run(ctx, build...); err != nil {
		return finding{}, fmt.Errorf("it does not compile: %w\n%s", err, out)
	}
	f := finding{worlds: worlds}
	if !m.deaf {
		f.with = []string{"test", "./internal/simulate", "-run", "^Test(Worlds|AStepBackHidesNoSleep)$", "-timeout", "10m", "-worlds", strconv.Itoa(worlds)}
		out, err := c.run(ctx, f.with...)
		if unbuilt(out) {
			return finding{}, fmt.Errorf("the simulation does not compile: %w\n%s", err, out)
		}
		if err != nil {
			f.by, f.said, f.worlds = "simulation", saidBy(out), worldOf(out, worlds)
			return f, ctx.Err()
		}
	}
	for i, test := range slices.Concat(m.tests, packages) {
		var args []string
		if i < len(m.tests) {
			args = m.args
		}
		f.with = c.test(test, args...)
		out, err := c.run(ctx, f.with...)
		if unbuilt(out) {
			return finding{}, fmt.Errorf("the tests of %s do not compile: %w\n%s", test, err, out)
		}
		if err != nil {
			f.by, f.said = failedIn(out, test), saidBy(out)
			return f, ctx.Err()
		}
	}
	return f, nil
}

// control tries what has found a mutation without it: what fails anyway has found nothing.
func (c copied) control(ctx context.Context, with []string) error {
	command := strings.Join(with, " ")
	if c.sound[command] {
		return nil
	}
	if out, err := c.run(ctx, with...); err != nil {
		return fmt.Errorf("go %s fails without the mutation, too: %w\n%s", command, err, out)
	}
	c.sound[command] = true
	return nil
}

// test returns the arguments of go that run the tests of a package, or of all packages of a module in the copy.
func (c copied) test(where string, args ...string) []string {
	test := []string{"test", "-failfast", "-timeout", "10m", where}
	if _, err := os.Stat(filepath.Join(c.dir, where, "go.mod")); err == nil && filepath.Clean(where) != "." {
		test = []string{"-C", where, "test", "-failfast", "-timeout", "10m", "./..."}
	}
	return append(test, args...)
}

// unbuilt reports whether go test did not get as far as to run a test: that is no finding.
func unbuilt(out []byte) bool {
	return bytes.Contains(out, []byte("[build failed]")) || bytes.Contains(out, []byte("[setup failed]"))
}

// damage makes the edits, and returns a function that reverts them.
func (c copied) damage(edits []edit) (restore func(), err error) {
	originals := map[string][]byte{}
	restore = func() {
		for name, data := range originals {
			_ = c.write(name, data)
		}
	}
	for _, e := range edits {
		whole, err := os.ReadFile(filepath.Join(c.dir, e.file))
		if err != nil {
			return restore, err
		}
		if originals[e.file] == nil {
			originals[e.file] = whole
		}
		if whole, err = e.apply(whole); err != nil {
			return restore, err
		}
		if err := c.write(e.file, whole); err != nil {
			return restore, err
		}
	}
	return restore, nil
}

func (c copied) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = c.dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.Bytes(), err
}

var (
	seed   = regexp.MustCompile(`(?m)^\s+seed (\d+): `)
	said   = regexp.MustCompile(`(?m)^\s+\w+_test\.go:\d+: (\S.*)$`)
	reason = regexp.MustCompile(`(?m)^\s+(?:Error:|panic:)\s+(.*)$|^(panic: .*)$`)
	failed = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)
)

// worldOf returns how many worlds were run until one broke. Seeds count from one.
func worldOf(out []byte, worlds int) int {
	if m := seed.FindSubmatch(out); m != nil {
		n, _ := strconv.Atoi(string(m[1]))
		return n
	}
	return worlds // no world broke: what all of them exercised is below a floor
}

// saidBy returns the first thing that a failed test printed.
func saidBy(out []byte) string {
	for _, r := range []*regexp.Regexp{said, reason} {
		if m := r.FindSubmatch(out); m != nil {
			return shorten(string(bytes.Join(m[1:], nil)))
		}
	}
	return ""
}

func shorten(s string) string {
	if len(s) > 100 {
		return s[:100] + "..."
	}
	return s
}

func failedIn(out []byte, test string) string {
	if m := failed.FindSubmatch(out); m != nil {
		return test + " " + string(m[1])
	}
	return test
}
