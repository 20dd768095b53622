package emulators

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/cloudlease/leader/localstack/internal/install"
)

// A request comes from the starter on the pipe. The first one says what to start. A later one may let the set outlive the
// starter.
type request struct {
	Root         string
	Name         string // of the set; "": a new one
	Config       Config
	Installation install.Installation // "": Docker
	Keep         bool
}

// A report goes back from the supervisor: progress, the state of a set that is ready, or an error.
type report struct {
	Progress string
	Ready    *State
	Error    string
}

var (
	errLeft  = errors.New("the process that started the emulators has ended")
	errAsked = errors.New("asked to stop")
)

// Supervise is the main function of the supervisor's process. It reads requests from in, writes reports to out, and returns
// when everything is stopped. The process must not have the starter's terminal or output: a reader of that would wait for it.
func Supervise(in io.Reader, out io.Writer) error {
	runtime.LockOSThread() // the emulators end with this thread
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT)
	asked, release := signal.NotifyContext(context.Background(), terminate)
	defer release()
	ctx, stop := context.WithCancelCause(asked)
	defer stop(nil)
	requests := json.NewDecoder(in)
	reports := json.NewEncoder(out)
	var first request
	if err := requests.Decode(&first); err != nil {
		return fmt.Errorf("only this program itself calls supervise: %w", err)
	}
	go func() {
		var next request
		if err := requests.Decode(&next); err != nil || !next.Keep {
			stop(errLeft)
		}
	}()
	err := supervise(ctx, first, func(r report) { _ = reports.Encode(r) }) // a starter that has ended reads nothing
	if err != nil {
		_ = reports.Encode(report{Error: err.Error()})
	}
	return err
}

// supervise starts a set, and stops it when ctx ends.
func supervise(ctx context.Context, r request, tell func(report)) (err error) {
	services, err := r.Config.services()
	if err != nil {
		return err
	}
	s, lock, err := create(r.Root, r.Name)
	if err != nil {
		return err
	}
	defer lock.Close() // last: a process that finds the lock free finds nothing else of the set
	state := State{PID: os.Getpid(), Since: time.Now(), Ports: r.Config.Ports, Docker: r.Installation == ""}
	if err := errors.Join(choosePorts(&state.Ports, services), s.write(state)); err != nil {
		return errors.Join(err, os.RemoveAll(string(s)))
	}
	processes, err := startAll(s, services, r.Installation, state.Ports)
	defer func() {
		state.Ready = false
		err = errors.Join(err, s.write(state), stopAll(processes, string(s), grace), s.remove())
	}()
	if err != nil {
		return err
	}
	if err := awaitAll(ctx, services, processes, state, tell); err != nil {
		return err
	}
	state.Ready = true
	if err := s.write(state); err != nil {
		return err
	}
	tell(report{Ready: &state})
	for _, p := range processes {
		go func() {
			<-p.done
			if ctx.Err() == nil {
				tell(report{Progress: p.died().Error()})
			}
		}()
	}
	<-ctx.Done()
	return nil
}

// startAll starts a process for each service, or one for all their containers.
func startAll(s set, services []service, i install.Installation, p Ports) ([]*process, error) {
	if i == "" {
		args := []string{"up"}
		for _, service := range services {
			args = append(args, service.name)
		}
		c, err := compose(string(s), p, args...)
		if err != nil {
			return nil, err
		}
		docker, err := start("docker", c, string(s), string(s))
		if err != nil {
			return nil, err
		}
		return []*process{docker}, nil
	}
	var started []*process
	for _, service := range services {
		dir := s.path(service.name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return started, err
		}
		c, err := service.native(i, dir, p)
		if err != nil {
			return started, err
		}
		process, err := start(service.name, c, string(s), dir)
		if err != nil {
			return started, err
		}
		started = append(started, process)
	}
	return started, nil
}

// awaitAll waits until all services answer.
func awaitAll(ctx context.Context, services []service, processes []*process, state State, tell func(report)) error {
	for i, s := range services {
		if err := await(ctx, s, processes[min(i, len(processes)-1)], state.Ports); err != nil {
			return err
		}
		tell(report{Progress: fmt.Sprintf("  %-28s %5.1f s", s.name, time.Since(state.Since).Seconds())})
	}
	return nil
}

// await waits until the service answers, or its process has ended.
func await(ctx context.Context, s service, p *process, ports Ports) error {
	expired := fmt.Errorf("%s does not answer %v after it was started", s.name, patience)
	ctx, cancel := context.WithTimeoutCause(ctx, patience, expired)
	defer cancel()
	for {
		err := s.ask(ctx, ports)
		select {
		case <-p.done:
			return p.died()
		default:
		}
		if err == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-p.done:
		case <-ctx.Done():
			if context.Cause(ctx) == expired {
				return fmt.Errorf("%w: %w%s", expired, err, p.lastWords())
			}
			return errors.Join(errAsked, context.Cause(ctx))
		}
	}
}
