package emulators

import (
	"os"
	"syscall"
)

// Supported reports whether sets can be started on this system. LocalStack does not run on Windows.
const Supported = false

const terminate = syscall.SIGTERM

var forwarded = []os.Signal{os.Interrupt}

func killGroup(int) error                 { return syscall.EWINDOWS }
func fromTerminal(os.Signal) bool         { return false }
func statusOf(state *os.ProcessState) int { return state.ExitCode() }
func apart(bool) *syscall.SysProcAttr     { return nil }
func withStarter() *syscall.SysProcAttr   { return nil }
func killMembers(string) (int, error)     { return 0, nil }
func outliving() *syscall.SysProcAttr     { return nil }
