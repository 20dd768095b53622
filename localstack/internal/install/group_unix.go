//go:build unix

package install

import (
	"os/exec"
	"syscall"
)

// inGroup makes the cancellation of a command also end the programs that it started.
func inGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
