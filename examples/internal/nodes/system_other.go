//go:build !unix

package nodes

import (
	"errors"
	"os"
)

const (
	// CanSuspend tells whether this system has a signal that stops a process and one that lets it go on.
	CanSuspend = false
	// StoppedBy is how Stop asks a node to end.
	StoppedBy = "its standard input is closed"
)

func suspend(*os.Process) error  { return errors.ErrUnsupported }
func resume(*os.Process) error   { return errors.ErrUnsupported }
func askToEnd(*os.Process) error { return errors.ErrUnsupported }
