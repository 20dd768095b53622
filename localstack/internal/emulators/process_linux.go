package emulators

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// apart starts a process in a new session, so that a Ctrl-C at the terminal does not reach it. The process ends with the thread
// that started it. If root starts one that does not run as root, it is nobody in a user namespace: outside it still is root, and
// reaches its files in root's home directory.
func apart(noRoot bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if noRoot && os.Geteuid() == 0 {
		const nobody = 65534
		alone := []syscall.SysProcIDMap{{ContainerID: nobody, HostID: 0, Size: 1}}
		attr.Cloneflags, attr.UidMappings, attr.GidMappings = syscall.CLONE_NEWUSER, alone, alone
	}
	return attr
}

// withStarter makes a process end with the thread that started it.
func withStarter() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// killMembers kills the processes that have the set in their environment, and returns how many there were. An os.Process stands
// for the same process when it is checked and when it is killed (pidfd_open).
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
		environ, _ := os.ReadFile(filepath.Join(dir, "environ")) // empty if it is another user's, or has ended
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
