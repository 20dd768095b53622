//go:build unix

package chaos

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

var (
	seed     = flag.Uint64("seed", 0, "of the schedule of faults in TestChaos; 0: another one each time")
	duration = flag.Duration("duration", 40*time.Second, "how long TestChaos goes on, at least")
	fleets   = flag.Duration("fleets", 15*time.Second, "how long TestChaosOfFleets goes on, at least")
	own      = flag.Bool("own", false, "let TestChaos start separate emulators, and suspend them, too (Linux)")
)

// starts are processes to start. On Linux they end with the thread that started them, so one thread starts them all.
var starts = make(chan func())

func TestMain(m *testing.M) {
	flag.Parse()
	go func() {
		runtime.LockOSThread()
		for start := range starts {
			start()
		}
	}()
	os.Exit(run(m))
}

// binaries is the directory of the programs that build makes.
var binaries string

func run(m *testing.M) (status int) {
	var err error
	if binaries, err = os.MkdirTemp("", "leader-chaos-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binaries)
	return m.Run()
}

// startProcess starts a process. On Linux it ends when this process does, whatever the reason.
func startProcess(cmd *exec.Cmd) error {
	cmd.SysProcAttr = withParent()
	failed := make(chan error)
	starts <- func() { failed <- cmd.Start() }
	return <-failed
}

// worker builds the workers' program once. It is not this test's own binary: there are dozens of workers, and the race
// detector, which looks into one process, would make each several times as heavy.
var worker = sync.OnceValues(func() (binary string, err error) { return build("./worker") })

// build compiles the program in a directory, in the module that the directory is in.
func build(dir string) (binary string, err error) {
	binary = filepath.Join(binaries, filepath.Base(dir))
	out, err := exec.Command("go", "-C", dir, "build", "-o", binary, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build in %s: %w: %s", dir, err, out)
	}
	return binary, nil
}
