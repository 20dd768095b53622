//go:build !unix

package main

import (
	"errors"
	"os"
)

// canSuspend is whether this system has a signal that stops a process and one that lets it go on.
const canSuspend = false

func suspendProcess(*os.Process) error { return errors.ErrUnsupported }
func resumeProcess(*os.Process) error  { return errors.ErrUnsupported }
