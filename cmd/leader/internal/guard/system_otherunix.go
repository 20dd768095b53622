//go:build unix && !linux

package guard

import (
	"os"
	"syscall"
)

// executable is the file of this very program.
func executable() (string, error) { return os.Executable() }

func becomeSubreaper() {} // there are none here: what leaves the process group stays

const diesWithGuard = false

func programAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func strays(int) []int { return nil }
