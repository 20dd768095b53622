package emulators

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"time"

	"github.com/cloudlease/leader/localstack/internal/install"
)

// A Starter starts and stops sets.
type Starter struct {
	Root   string       // where everything is: install.Root
	Config Config       // of the sets to start
	Tell   func(string) // is called with each line of progress, from several goroutines at once
}

// Up starts the shared set, unless it runs, and returns it and whether it was started. If two processes call Up at once, one
// starts the set.
func (st Starter) Up(ctx context.Context) (state State, started bool, err error) {
	unlock, err := st.lockShared(ctx)
	if err != nil {
		return State{}, false, err
	}
	defer unlock()
	state, running, err := st.Status()
	switch {
	case err != nil:
		return State{}, false, err
	case running && state.Ready:
		return state, false, errors.Join(st.Config.Ports.agree(state.Ports), state.Ports.Check(ctx))
	case running: // the starter was interrupted
		if err := sharedSet(st.Root).gone(ctx); err != nil {
			return State{}, false, err
		}
	}
	v, err := st.start(ctx, shared)
	if err != nil {
		return State{}, false, err
	}
	return v.state, true, v.keep()
}

// Status returns the shared set, and whether its supervisor runs.
func (st Starter) Status() (state State, running bool, err error) {
	return sharedSet(st.Root).read()
}

// Down stops the shared set, and reports whether it ran.
func (st Starter) Down(ctx context.Context) (stopped bool, err error) {
	unlock, err := st.lockShared(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	s := sharedSet(st.Root)
	state, running, err := s.read()
	if err != nil {
		return false, err
	}
	if running {
		if err := s.stop(ctx, state.PID); err != nil {
			return false, err
		}
	}
	return running, clear(st.Root)
}

// stop asks the set's supervisor to stop everything, and waits until it has ended.
func (s set) stop(ctx context.Context, pid int) error {
	supervisor, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer supervisor.Release()
	if alive, err := s.alive(); err != nil || !alive { // it is alive, so the process found just now is the supervisor
		return err
	}
	if err := supervisor.Signal(terminate); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the emulators' supervisor, process %d: %w", pid, err)
	}
	const patience = 30 * time.Second
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.gone(bounded); err != nil {
		return fmt.Errorf("the emulators' supervisor, process %d, has not ended after %v: kill it, and call down again: %w", pid, patience, err)
	}
	return nil
}

func (st Starter) lockShared(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(st.Root, 0o700); err != nil {
		return nil, err
	}
	l := sharedLock(st.Root)
	if _, err := l.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return nil, fmt.Errorf("wait for another up or down (%s): %w", l.Path(), err)
	}
	return func() { _ = l.Close() }, nil
}

// Run starts a set, runs a command with the set's variables in its environment, stops the set, and returns the command's exit
// status: 128 plus the signal's number if a signal ended it. It passes signals on to the command.
func (st Starter) Run(ctx context.Context, args []string) (status int, err error) {
	if _, err := exec.LookPath(args[0]); err != nil {
		return 0, err
	}
	runtime.LockOSThread() // the command ends with this thread
	defer runtime.UnlockOSThread()
	starting, release := signal.NotifyContext(ctx, forwarded...)
	defer release()
	v, err := st.start(starting, "")
	if err != nil {
		return 0, err
	}
	defer func() {
		v.stop()
		err = errors.Join(err, clear(st.Root)) // if the supervisor was killed
	}()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = v.state.Ports.Within(os.Environ())
	cmd.SysProcAttr = withStarter()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, forwarded...)
	defer signal.Stop(signals)
	if starting.Err() != nil {
		return 0, context.Cause(starting)
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // ProcessState says how it ended
	}()
	for {
		select {
		case s := <-signals:
			if !fromTerminal(s) {
				_ = cmd.Process.Signal(s) // it may have ended
			}
		case <-ended:
			return statusOf(cmd.ProcessState), nil
		}
	}
}

// A supervisor is the supervisor's process, as its starter sees it.
type supervisor struct {
	cmd      *exec.Cmd
	requests io.WriteCloser
	reports  *json.Decoder
	state    State         // once it is ready
	read     chan struct{} // closed when all reports have been read
}

// start starts a set, and returns when it is ready, or has failed and is gone.
func (st Starter) start(ctx context.Context, name string) (*supervisor, error) {
	if _, err := st.Config.services(); err != nil {
		return nil, err
	}
	i, err := st.installation(ctx)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	v := &supervisor{cmd: exec.Command(self, "supervise"), read: make(chan struct{})}
	v.cmd.SysProcAttr = outliving()
	v.cmd.Dir = st.Root
	if v.requests, err = v.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	v.reports = json.NewDecoder(out)
	if err := v.cmd.Start(); err != nil {
		return nil, err
	}
	st.Tell("starting the emulators")
	interrupted := context.AfterFunc(ctx, func() { _ = v.requests.Close() })
	err = errors.Join(
		json.NewEncoder(v.requests).Encode(request{Root: st.Root, Name: name, Config: st.Config, Installation: i}),
		v.await(st.Tell))
	if !interrupted() {
		err = context.Cause(ctx)
	}
	go v.follow(st.Tell)
	if err != nil {
		v.stop()
		return nil, err
	}
	return v, nil
}

// installation returns where the emulators are installed. "" stands for Docker, which is used if Config asks for it, or if
// Docker is available and Python is not.
func (st Starter) installation(ctx context.Context) (install.Installation, error) {
	if st.Config.Docker {
		return "", findDocker(ctx)
	}
	if i, found := install.Find(st.Root); found {
		return i, nil
	}
	ensure := install.Ensure
	if st.Config.Only == "postgres" {
		ensure = install.EnsurePostgres
	}
	if _, err := install.Pythons(ctx); err != nil {
		if unusable := findDocker(ctx); unusable != nil {
			return "", errors.Join(err, unusable)
		}
		st.Tell(err.Error() + ": using Docker")
		return "", nil
	}
	return ensure(ctx, st.Root, st.Tell)
}

// await reads reports until the set is ready or has failed.
func (v *supervisor) await(tell func(string)) error {
	for {
		var r report
		switch err := v.reports.Decode(&r); {
		case err != nil:
			return fmt.Errorf("the emulators' supervisor ended: %w", err)
		case r.Error != "":
			return errors.New(r.Error)
		case r.Ready != nil:
			v.state = *r.Ready
			return nil
		}
		tell(r.Progress)
	}
}

// follow passes on reports while the set is in use, and while it stops.
func (v *supervisor) follow(tell func(string)) {
	defer close(v.read)
	for {
		var r report
		if v.reports.Decode(&r) != nil {
			return
		}
		if line := r.Progress + r.Error; line != "" { // else it became ready after all
			tell(line)
		}
	}
}

// keep lets the set outlive this process.
func (v *supervisor) keep() error {
	return errors.Join(json.NewEncoder(v.requests).Encode(request{Keep: true}), v.requests.Close())
}

// stop makes the supervisor stop everything, and waits until it has.
func (v *supervisor) stop() {
	_ = v.requests.Close() // it may be closed already
	<-v.read
	_ = v.cmd.Wait() // its status does not matter: it has reported what went wrong
}
