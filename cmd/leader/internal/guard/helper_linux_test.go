package guard

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// programVariable makes this test's binary a program for leader run, instead of a test. It is read before anything else.
const programVariable = "RUN_TEST_PROGRAM"

func init() {
	switch program := os.Getenv(programVariable); program {
	case "":
		return
	case "beat":
		signal.Ignore(syscall.SIGTERM)
		beat()
	case "tree":
		tree3()
	case "files":
		files()
		os.Exit(0)
	}
	os.Exit(1)
}

// files writes which files this process has inherited. A shell would have pipes open, too.
func files() {
	for fd := range uintptr(100) {
		flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 { // all that Go opens is closed on exec
			continue
		}
		file, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		fmt.Println(fd, strings.TrimRight(file, "[0123456789]"))
	}
}

// beat writes its token and the time since the machine started, as often as it can.
func beat() {
	f, err := os.OpenFile(os.Getenv("FILE"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	for {
		if _, err := fmt.Fprintf(f, "%s:%d\n", os.Getenv("LEADER_TOKEN"), bootClock()); err != nil {
			panic(err)
		}
		time.Sleep(time.Millisecond) // the program's pace; nothing waits for it
	}
}

// tree3 starts a process in its group and one with a new session, and each of these another one of each kind, and
// all write their process ids, ignore SIGTERM and stay.
func tree3() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
	depth, _ := strconv.Atoi(os.Getenv("DEPTH"))
	for _, session := range []bool{false, true} {
		if depth == 0 {
			break
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "DEPTH="+strconv.Itoa(depth-1))
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
		if err := cmd.Start(); err != nil {
			panic(err)
		}
	}
	f, err := os.OpenFile(os.Getenv("FILE"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	if _, err := fmt.Fprintln(f, os.Getpid()); err != nil {
		panic(err)
	}
	select {}
}
