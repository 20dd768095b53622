package emulators

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// apart puts a process into a session of its own, so that a Ctrl-C at the terminal does not reach it, and has it end with
// the thread that started it.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// withStarter has a process end with the thread that started it.
func withStarter() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// killMembers kills the processes that have the set in their environment, and returns how many there were. The process
// that an os.Process stands for is the same when it is looked at and when it is killed (pidfd_open).
func killMembers(set string) (int, error) {
	found, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	members := 0
	for _, dir := range found {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() {
			continue
		}
		p, err := os.FindProcess(pid)
		if err != nil {
			continue
		}
		environ, _ := os.ReadFile(filepath.Join(dir, "environ")) // another user's, or one that has ended: nothing
		if bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+setVariable+"="+set+"\x00")) {
			members++
			if err := p.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return members, err
			}
		}
		_ = p.Release()
	}
	return members, nil
}
