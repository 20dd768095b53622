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

// A site is the place where an installation is built.
type site struct {
	dir      string
	log      io.Writer // gets what the programs print
	tell     func(string)
	patience time.Duration // how long a way may take, or, if this program downloads, how long no bytes may arrive
}

// enough is the patience for half a gigabyte over a slow line, and for a build on a busy machine: with 20 processes on
// two processors, each took ten minutes.
const enough = 30 * time.Minute

// A way is one of several ways to install the same part. It starts in an empty directory. It calls alive when bytes
// arrive.
type way struct {
	name string
	try  func(ctx context.Context, alive func()) error
}

// firstOf tries the ways in turn until one works, each in the empty directory part: one may know mirrors, proxies and
// certificates that another does not know. It tries the first way again in the end: on a network that
// sometimes fails, that may help. If all ways fail, the error gives the advice, and the reason of each failure.
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
	return fmt.Errorf("%s. Tried:\n%w", advice, errors.Join(tried...))
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

// command returns the command of a program, which ends with ctx.
func (s site) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Env = s.dir, s.log, os.Environ()
	cmd.WaitDelay = 5 * time.Second
	inGroup(cmd)
	return cmd
}

// run runs a command. Its error has the last lines of the output.
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
