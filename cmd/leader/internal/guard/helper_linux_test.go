package guard

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
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
	}
	os.Exit(1)
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
