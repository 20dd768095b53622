package guard

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cloudlease/leader/cmd/leader/internal/signals"
)

// AsFirst runs leader as a child of this process if this one is the first of a PID namespace, as in a container that was
// started without an init. It reports whether it is, and the exit code.
//
// Every process whose parent ends falls to the first one: what a health check leaves behind, a helper of a cloud's SDK, a shell
// that somebody had in the container. Unless the first process waits for them, each stays a zombie, and in the end nothing can
// be started any more. But in a process that starts others itself, to wait for any child takes the exit status from os/exec,
// of whose children a library may have some that nobody else knows of. So the first process has leader as its only child, does
// nothing but wait, and passes signals on.
//
// It also outlives leader: when it ends, the kernel kills all others at once. If leader is killed, the guards have their time
// to stop the program.
func AsFirst() (code int, is bool) {
	if os.Getpid() != 1 {
		return 0, false
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, passedOn()...)
	leader, err := startLeader()
	if err != nil {
		fmt.Fprintln(os.Stderr, "leader: as the first process, start leader itself:", err)
		return StartCode(err), true
	}
	go func() {
		for s := range signals {
			_ = unix.Kill(leader, s.(syscall.Signal)) // its number is its own until reapAll takes it, after which this process ends
		}
	}()
	return reapAll(leader), true
}

// passedOn are the signals that leader is to get: all but those for this process, and what was to be ignored.
func passedOn() []os.Signal {
	var all []os.Signal
	for s := unix.SIGHUP; s <= unix.SIGSYS; s++ {
		switch s {
		case unix.SIGCHLD, unix.SIGURG: // Go's scheduler uses SIGURG
		default:
			all = append(all, s)
		}
	}
	return signals.NotIgnored(all...)
}

// startLeader starts this program again, in a new process group: the terminal's foreground, if this one has been it. So
// what is typed there is a signal to leader alone, and not one from here, too.
func startLeader() (pid int, err error) {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if group, err := unix.IoctlGetInt(0, unix.TIOCGPGRP); err == nil && group == unix.Getpgrp() {
		attr.Foreground = true // Ctty: 0, standard input
	}
	self, err := executable()
	if err != nil {
		return 0, err
	}
	p, err := os.StartProcess(self, os.Args, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Sys: attr})
	if err != nil {
		return 0, err
	}
	pid = p.Pid // which Release forgets
	return pid, p.Release()
}

// reapAll waits for every child until leader has ended, and then for its guards. It returns leader's exit code.
func reapAll(leader int) (code int) {
	for ended := false; !ended || len(guards()) > 0; {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WUNTRACED, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil: // ECHILD
			return code
		case pid == leader && status.Stopped() && status.StopSignal() == unix.SIGTSTP:
			_ = unix.Kill(leader, unix.SIGCONT) // ^Z: there is no shell that would have it go on
		case pid == leader && status.Exited():
			code, ended = status.ExitStatus(), true
		case pid == leader && status.Signaled():
			code, ended = 128+int(status.Signal()), true
		}
	}
	return code
}

// guards are those of a leader that was killed, which have fallen to this process.
func guards() (pids []int) {
	for _, pid := range strays(0) {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if bytes.HasPrefix(line, []byte("leader\x00"+Name+"\x00")) {
			pids = append(pids, pid)
		}
	}
	return pids
}
