package guard

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// executable is the file of this very program, also if another has replaced it since this was started.
func executable() (string, error) {
	const image = "/proc/self/exe"
	if _, err := os.Stat(image); err != nil {
		return "", fmt.Errorf("%w: leader run needs /proc, to start the program's guard and to find all that the program has started: mount -t proc proc /proc", err)
	}
	return image, nil
}

// becomeSubreaper makes those processes below this one that lose their parent its children.
// https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html
func becomeSubreaper() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// diesWithGuard: the kernel kills the program when the guard dies, however it does.
const diesWithGuard = true

func programAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// strays returns this process's children outside of a process group: mostly daemons with their own session.
func strays(group int) (pids []int) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	self := os.Getpid()
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		parent, of := familyOf(name)
		if parent == self && of != group {
			pids = append(pids, pid)
		}
	}
	return pids
}

// familyOf returns a process's parent and process group; 0 if it has ended.
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: what follows the name is the state, the parent, the group
func familyOf(pid string) (parent, group int) {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, 0
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 3 {
		return 0, 0
	}
	parent, _ = strconv.Atoi(string(fields[1]))
	group, _ = strconv.Atoi(string(fields[2]))
	return parent, group
}
