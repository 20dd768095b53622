// Command leader elects one of many machines to run a program, on storage that the machines' cloud account already has.
//
//	leader run --store 'dynamodb://leases?region=eu-west-1' --name orders -- ./orders-projection
//	leader status
//
// leader help, and --help of each command, say what there is. README.md has a tour.
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
	// Else Go ends the process when nobody reads what it writes: it may have a lease to give back.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	out := &output{to: os.Stdout}
	a := &app{in: os.Stdin, out: out, err: os.Stderr}
	err := a.command().ExecuteContext(context.Background())
	os.Exit(a.exit(out.judge(err)))
}

// Exit codes. A program under leader run that ends by itself gives its own, or 128 and the number of the signal that
// ended it, as shells do.
const (
	exitFailed = 1 // what was asked for could not be done
	exitUsage  = 2 // what was asked for makes no sense
	exitLost   = 3 // run --once: the lease was lost, and the program was ended before it had finished

	exitUnread = 128 + int(syscall.SIGPIPE) // nobody reads the output: what a shell has of a program that dies of that
)

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error // nil: there is nothing to say
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit says what went wrong, in one line, and returns the exit code.
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

// output is standard output. It notes what goes wrong with it, once for all that is written there.
type output struct {
	to  io.Writer
	err error // the first one: nothing is written any more
}

func (o *output) Write(p []byte) (n int, err error) {
	if o.err == nil {
		n, o.err = o.to.Write(p)
	}
	return n, o.err
}

// judge is a command's error, or that of its output.
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
