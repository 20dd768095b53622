//go:build unix

package guard

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// tree is the program and all that it started.
type tree struct {
	pid    int     // the program's, and its process group's; 0: it has not been started
	ending *Ending // the program's own, once it has ended
	empty  bool    // it has ended, and nobody is left in its group, whose number may become somebody else's
}

func (t *tree) start(path string, argv []string) error {
	p, err := os.StartProcess(path, argv, &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys:   programAttr(),
	})
	if err != nil {
		return err
	}
	t.pid = p.Pid
	return p.Release() // reap waits
}

// StartCode returns the exit code of a shell.
func StartCode(err error) int {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		return 127
	}
	return 126
}

// failureCode is StartCode, or 0 if the system lacks something now, such as memory or a free process, or the file is being written: then
// the program is not the reason.
func failureCode(err error) int {
	if e, is := errors.AsType[syscall.Errno](err); is && (e.Temporary() || e == syscall.ENOMEM || e == syscall.ETXTBSY) {
		return 0
	}
	return StartCode(err)
}

// signalGroup sends a signal to the program's process group.
func (t *tree) signalGroup(s syscall.Signal) {
	if t.pid != 0 && !t.empty {
		_ = unix.Kill(-t.pid, s)
	}
}

// terminate sends a signal to all processes of the tree that can be reached now. Those that end leave their children to the guard.
func (t *tree) terminate(s syscall.Signal) {
	t.signalGroup(s)
	for _, child := range strays(t.pid) {
		_ = unix.Kill(child, s) // no other process has this number before reap takes it
	}
}

// reap takes note of who has ended. It reports whether nobody is left.
func (t *tree) reap() (gone bool) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG|unix.WUNTRACED, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil: // ECHILD
			t.empty = t.empty || unix.Kill(-t.pid, 0) != nil
			return t.empty
		case pid == 0:
			return false
		case pid == t.pid && status.Stopped() && status.StopSignal() == unix.SIGTSTP:
			t.signalGroup(unix.SIGCONT) // ^Z: the holder of a lease must not sleep
		case pid == t.pid && status.Exited():
			t.ending = &Ending{Code: status.ExitStatus()}
		case pid == t.pid && status.Signaled():
			t.ending = &Ending{Code: 128 + int(status.Signal()), Signal: status.Signal()}
		}
	}
}
