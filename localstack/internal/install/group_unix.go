//go:build unix

package install

import (
	"os/exec"
	"syscall"
)

// inGroup has a command that is cancelled take the programs along that it started.
func inGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
