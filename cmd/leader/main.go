// Command leader elects one of many machines to run a program, on storage that the machines' cloud account already has.
//
//	leader run --store dynamodb://leases?region=eu-west-1 --name orders -- ./orders-projection
//	leader status
//
// leader help, and --help of each command, say what there is. README.md has a tour.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

func main() {
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	err := a.command().ExecuteContext(context.Background())
	os.Exit(a.exit(err))
}

// Exit codes. A program under leader run that ends by itself gives its own, or 128 and the number of the signal that
// ended it, as shells do.
const (
	exitFailed = 1 // what was asked for could not be done
	exitUsage  = 2 // what was asked for makes no sense
	exitLost   = 3 // run --once: the lease was lost, and the program was ended before it had finished
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
		fmt.Fprintln(a.err, "leader:", oneLine(coded.err))
	}
	return coded.code
}
