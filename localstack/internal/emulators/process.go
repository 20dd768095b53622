package emulators

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/cloudlease/leader/localstack/internal/install"
)

// setVariable is in the environment of all processes of a set; its value is the set's directory. So processes that a killed
// one left behind can be recognised as the set's.
const setVariable = "LEADER_EMULATOR_SET"

// A process is one that the supervisor started, in a new session.
type process struct {
	name string
	cmd  *exec.Cmd
	stop os.Signal     // asks it to end
	log  string        // of its output
	last string        // where the log is moved if the process fails, and stays when the set is gone
	done chan struct{} // closed when it has ended; err is set then
	err  error
}

// start starts a process. Its environment is new, so that no setting of the user's (AWS_PROFILE, PYTHONPATH, a proxy) reaches
// it; so is its home directory, where LocalStack, for one, has a cache. Call it from a thread that lives as long as the
// processes have to.
func start(name string, c command, set, dir string) (*process, error) {
	log, err := os.Create(filepath.Join(set, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{
		name: name, cmd: exec.Command(c.args[0], c.args[1:]...), stop: cmp.Or(c.stop, os.Signal(terminate)), done: make(chan struct{}),
		log: log.Name(), last: filepath.Join(filepath.Dir(filepath.Dir(set)), filepath.Base(log.Name())),
	}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	p.cmd.SysProcAttr = apart(c.noRoot)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "LANG=C.UTF-8", setVariable + "=" + set}, c.env...)
	if err := p.cmd.Start(); err != nil {
		if c.noRoot && os.Geteuid() == 0 {
			err = fmt.Errorf("%w: it does not run as root, and so in a user namespace: be another user, or use Docker (--docker)", err)
		}
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.done)
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// died says how the process ended. Call it once it has.
func (p *process) died() error {
	how := "it exited with status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s ended by itself: %s%s", p.name, how, p.lastWords())
}

// lastWords returns the last output of a process that has failed, for the end of an error's text.
func (p *process) lastWords() string {
	if err := os.Rename(p.log, p.last); err != nil && !errors.Is(err, fs.ErrNotExist) { // it was moved already
		return fmt.Sprintf("; its log cannot be kept: %v", err)
	}
	return install.Tail(p.last)
}

// grace is how long emulators have to end when they are asked to.
const grace = 10 * time.Second

// stopAll ends the processes, and all that descends from them. It asks them first: LocalStack then ends its Java process, which
// has another session.
func stopAll(processes []*process, set string, grace time.Duration) error {
	for _, p := range processes {
		_ = p.cmd.Process.Signal(p.stop) // it may have ended
	}
	patience := time.After(grace)
	for _, p := range processes {
		select {
		case <-p.done:
		case <-patience:
			_ = killGroup(p.cmd.Process.Pid) // not reaped yet, so the process ID is still its own
			<-p.done
			patience = time.After(0)
		}
	}
	return sweep(set)
}

// sweep ends all processes that have the set's directory in their environment, whatever started them.
func sweep(set string) error {
	const patience = 10 * time.Second
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		left, err := killMembers(set)
		if err != nil || left == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return errors.New("processes of " + set + " do not end when they are killed")
		}
	}
}
