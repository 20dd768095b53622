//go:build unix

package health

import (
	"os/exec"
	"syscall"
)

const shell = "sh"

// run runs the shell with a command, in a process group: all of that is killed when its time is up.
func run(cmd *exec.Cmd, command string) error {
	cmd.Args = append(cmd.Args, "-c", command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd.Run()
}
