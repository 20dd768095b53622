package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A site is where an installation is built.
type site struct {
	dir      string
	log      io.Writer // gets what the programs print
	tell     func(string)
	patience time.Duration // how long a way may take, or, where this program downloads, how long nothing may come
}

// enough is the patience for half a gigabyte over a slow line, and for a build on a busy machine: on one with 20 processes for its
// two processors, each of the two took ten minutes.
const enough = 30 * time.Minute

// A way is one of several to the same part of an installation. It starts without anything of the part. It calls alive when
// something has come.
type way struct {
	name string
	try  func(ctx context.Context, alive func()) error
}

// firstOf tries the ways in turn until one has worked, each in an empty directory part: what one knows of mirrors, proxies
// and certificates, another may not. The first has a second try in the end, since where there is only one, on a network that
// fails now and then, nothing else helps. If all fail, the error says why each did, after the advice.
func (s site) firstOf(ctx context.Context, part, advice string, ways ...way) error {
	if len(ways) > 1 {
		ways = append(slices.Clip(ways), way{ways[0].name + ", again", ways[0].try})
	}
	var tried []error
	for n, w := range ways {
		if err := os.RemoveAll(part); err != nil {
			return err
		}
		err := s.attempt(ctx, w)
		if err == nil || ctx.Err() != nil {
			return err
		}
		err = fmt.Errorf("- %s: %w", w.name, err)
		fmt.Fprintln(s.log, err)
		if tried = append(tried, err); n+1 < len(ways) {
			why, _, _ := strings.Cut(err.Error(), "\n")
			s.tell(fmt.Sprintf("  %s; trying %s", strings.TrimSuffix(strings.TrimPrefix(why, "- "), ":"), ways[n+1].name))
		}
	}
	return fmt.Errorf("%s. What was tried:\n%w", advice, errors.Join(tried...))
}

func (s site) attempt(ctx context.Context, w way) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	hung := fmt.Errorf("it hung, and was stopped after %s", s.patience)
	timer := time.AfterFunc(s.patience, func() { cancel(hung) })
	defer timer.Stop()
	err := w.try(ctx, func() { timer.Reset(s.patience) })
	if err != nil && context.Cause(ctx) == hung {
		return hung
	}
	return err
}

// command is a program of an installation, which ends with ctx.
func (s site) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Env = s.dir, s.log, os.Environ()
	cmd.WaitDelay = 5 * time.Second
	inGroup(cmd)
	return cmd
}

// run runs a command. Its error has the last lines that the program printed.
func run(cmd *exec.Cmd) error {
	var said ending
	cmd.Stdout = io.MultiWriter(cmd.Stdout, &said)
	cmd.Stderr = cmd.Stdout
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%s: %w%s", filepath.Base(cmd.Path), exit, said.lines(6))
	}
	return err
}

// An ending keeps the end of what is written to it.
type ending struct{ kept []byte }

func (e *ending) Write(p []byte) (int, error) {
	const most = 4 << 10 // bytes
	e.kept = append(e.kept, p...)
	e.kept = e.kept[max(0, len(e.kept)-most):]
	return len(p), nil
}

// lines returns the last lines, each on an indented line; nothing if there is none.
func (e *ending) lines(most int) string {
	text := bytes.TrimSpace(e.kept)
	if len(text) == 0 {
		return ""
	}
	lines := strings.Split(string(text), "\n")
	return ":\n    " + strings.Join(lines[max(0, len(lines)-most):], "\n    ")
}

// without returns the environment less the variables that begin with a prefix, whatever their case.
func without(prefixes ...string) []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool {
			return len(variable) >= len(prefix) && strings.EqualFold(variable[:len(prefix)], prefix)
		})
	})
}
