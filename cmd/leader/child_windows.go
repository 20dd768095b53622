package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/cloudlease/leader/lease"
)

func runGuard([]string) error {
	return usage(errors.New("there is no guard on Windows: a job object does its work"))
}

func ready() error { return nil }

// startCode is what a shell would exit with.
func startCode(error) int { return 127 }

// running is the program that runs, if one does.
type running struct {
	mu  sync.Mutex
	job windows.Handle // of the program and all that it started; 0: none runs
}

// signal passes nothing on: there are no such signals here.
func (p *program) signal(os.Signal, uint64) bool { return false }

func (p *program) kill() bool {
	p.running.mu.Lock()
	defer p.running.mu.Unlock()
	return p.running.job != 0 && windows.TerminateJobObject(p.running.job, exitFailed) == nil
}

// dismiss does nothing: there is no guard here.
func (r *running) dismiss() {}

func (r *running) set(job windows.Handle) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.job = job
}

// own puts this process, and so all that it will start, into a job that ends with its last handle: with this process.
var own = sync.OnceValue(func() error {
	job, err := newJob()
	if err != nil {
		return err
	}
	return windows.AssignProcessToJobObject(job, windows.CurrentProcess())
})

// newJob makes a job object whose processes end when its last handle is closed.
// https://learn.microsoft.com/windows/win32/procthread/job-objects
func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, err
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	return job, err
}

// run runs the program until it has ended, with all that it started. It is sent CTRL_BREAK when ctx ends, and ended when its
// patience or the term is over.
func (p *program) run(ctx context.Context, term lease.Term, _ lease.Lease) (ending, error) {
	if err := own(); err != nil {
		return ending{}, err
	}
	job, err := newJob()
	if err != nil {
		return ending{}, err
	}
	defer windows.CloseHandle(job) // whatever the program has left behind ends here

	cmd := exec.Command(p.path)
	cmd.Args = p.argv
	cmd.Env = append(append(os.Environ(), p.env...), tokenVariable+"="+strconv.FormatUint(term.Token(), 10))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	if err := cmd.Start(); err != nil {
		return ending{}, &notStarted{&exitError{code: startCode(err), err: err}}
	}
	if err := p.assign(job, cmd.Process.Pid); err != nil {
		p.log.Warn("what the program starts may outlive it, until leader ends", "err", err)
	}
	p.running.set(job)
	defer p.running.set(0)
	p.log.Info("the program runs", slog.Int("pid", cmd.Process.Pid), slog.Uint64("token", term.Token()))

	over := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-ctx.Done():
			if err := windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(cmd.Process.Pid)); err != nil {
				p.log.Warn("the program cannot be asked to stop, and is ended when its time is up: leader has no console, as a service has none", "err", err)
			}
		case <-over:
			return
		}
		limit := time.NewTimer(p.timing.patience(context.Cause(ctx)))
		defer limit.Stop()
		select {
		case <-limit.C:
		case <-term.Done():
		case <-over:
			return
		}
		p.kill()
		_ = cmd.Process.Kill()
	})
	err = cmd.Wait()
	close(over)
	watch.Wait()
	if cmd.ProcessState == nil {
		return ending{}, err
	}
	end := ending{Code: cmd.ProcessState.ExitCode()}
	if windows.NTStatus(uint32(end.Code)) == windows.STATUS_CONTROL_C_EXIT {
		end.Signal = syscall.SIGTERM // what it does on CTRL_BREAK if it does not handle it
	}
	p.log.Info("the program has ended", end.attr(), slog.Uint64("token", term.Token()))
	return end, nil
}

func (p *program) assign(job windows.Handle, pid int) error {
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(process)
	return windows.AssignProcessToJobObject(job, process)
}
