package health

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

const shell = "cmd"

// run runs the shell with a command, in a job: what it has started ends with it when its time is up.
func run(cmd *exec.Cmd, command string) error {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(job) // which ends nothing that it left behind
	// Go would put a backslash before each quote, which this shell does not understand. It takes off the first quote and the last (/S).
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd /S /C "` + command + `"`}
	cmd.Cancel = func() error {
		_ = windows.TerminateJobObject(job, 1)
		return cmd.Process.Kill() // if it is not in the job yet
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	// If this fails, it has ended, or it alone is ended when its time is up.
	_ = cmd.Process.WithHandle(func(process uintptr) { _ = windows.AssignProcessToJobObject(job, windows.Handle(process)) })
	return cmd.Wait()
}
