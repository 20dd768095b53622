// Command leader elects one of many machines to run a program, on storage that the machines' cloud account already has.
//
//	leader run --store 'dynamodb://leases?region=eu-west-1' --name orders -- ./orders-projection
//	leader status
//
// leader help and the --help of each command describe the commands; docs/command.md has an overview.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/cloudlease/leader/cmd/leader/internal/logs"
	"github.com/cloudlease/leader/cmd/leader/internal/words"
)

func main() {
	// Otherwise Go ends the process when nobody reads its output, and the process may have to release a lease.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	out := &output{to: os.Stdout}
	a := &app{in: os.Stdin, out: out, err: os.Stderr}
	err := a.command().ExecuteContext(context.Background())
	os.Exit(a.exit(out.judge(err)))
}

// Exit codes. A program under leader run that ends by itself gives its own, or 128 and the number of the signal that
// ended it, as shells do.
const (
	exitFailed = 1 // the command failed
	exitUsage  = 2 // a wrong flag, argument or store URL
	exitLost   = 3 // run --once: the lease was lost, and the program was ended before it had finished

	exitUnread = 128 + int(syscall.SIGPIPE) // nobody reads the output: the shell's code for a program that SIGPIPE ends
)

// exitError is an error with an exit code.
type exitError struct {
	code int
	err  error // nil: print nothing
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit prints the error in one line, and returns the exit code.
func (a *app) exit(err error) int {
	coded, ok := errors.AsType[*exitError](err)
	switch {
	case err == nil:
		return 0
	case !ok:
		coded = &exitError{code: exitFailed, err: err}
	}
	if coded.err != nil {
		logs.Soon(func() { fmt.Fprintln(a.err, "leader:", words.OneLine(coded.err)) })
	}
	return coded.code
}

// output is standard output. It keeps the first error of a write, so that callers need not check.
type output struct {
	to  io.Writer
	err error // the first one: after it, Write writes nothing
}

func (o *output) Write(p []byte) (n int, err error) {
	if o.err == nil {
		n, o.err = o.to.Write(p)
	}
	return n, o.err
}

// judge returns the command's error, or that of its output.
func (o *output) judge(err error) error {
	coded, ok := errors.AsType[*exitError](err)
	silent := err == nil || ok && coded.err == nil
	switch {
	case o.err == nil:
		return err
	case errors.Is(o.err, syscall.EPIPE):
		return &exitError{code: exitUnread}
	case silent || errors.Is(err, o.err):
		return fmt.Errorf("the output is not complete: %w", o.err)
	}
	return err
}
