package guard

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/cloudlease/leader/lease"
)

// Main is for Unix.
func Main([]string) error {
	return errors.New("there is no guard on Windows: a job object does its work")
}

// Ready tells what this package needs here and does not find: nothing.
func Ready() error { return nil }

// StartCode returns the exit code of a shell.
func StartCode(error) int { return 127 }

// running is the program that runs, if one does.
type running struct {
	mu  sync.Mutex
	job windows.Handle // of the program and all that it started; 0: none runs
}

// Signal passes nothing on: there are no such signals here.
func (p *Program) Signal(os.Signal, uint64) bool { return false }

// Kill ends the program with all that it has started. It reports whether there is one.
func (p *Program) Kill() bool {
	p.running.mu.Lock()
	defer p.running.mu.Unlock()
	return p.running.job != 0 && windows.TerminateJobObject(p.running.job, 1) == nil
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

// Run runs the program until it has ended, with all that it started. It is sent CTRL_BREAK when ctx ends, and ended when its
// patience or the term is over.
func (p *Program) Run(ctx context.Context, term lease.Term, _ lease.Lease) (Ending, error) {
	if err := own(); err != nil {
		return Ending{}, err
	}
	job, err := newJob()
	if err != nil {
		return Ending{}, err
	}
	defer windows.CloseHandle(job) // whatever the program has left behind ends here

	cmd := exec.Command(p.Path)
	cmd.Args = p.Argv
	cmd.Env = p.environment(term.Token())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	if err := cmd.Start(); err != nil {
		return Ending{}, &NotStarted{StartCode(err), err}
	}
	if err := p.assign(job, cmd.Process.Pid); err != nil {
		p.Log.Warn("processes that the program starts may outlive it, until leader ends", "err", err)
	}
	p.running.set(job)
	defer p.running.set(0)
	p.Log.Info("the program runs", slog.Int("pid", cmd.Process.Pid), slog.Uint64("token", term.Token()))

	over := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-ctx.Done():
			if err := windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(cmd.Process.Pid)); err != nil {
				p.Log.Warn("leader has no console, so it cannot ask the program to stop, but ends it when its time is up", "err", err)
			}
		case <-over:
			return
		}
		limit := time.NewTimer(p.Timing.patience(context.Cause(ctx)))
		defer limit.Stop()
		select {
		case <-limit.C:
		case <-term.Done():
		case <-over:
			return
		}
		p.Kill()
		_ = cmd.Process.Kill()
	})
	err = cmd.Wait()
	close(over)
	watch.Wait()
	if cmd.ProcessState == nil {
		return Ending{}, err
	}
	end := Ending{Code: cmd.ProcessState.ExitCode()}
	if windows.NTStatus(uint32(end.Code)) == windows.STATUS_CONTROL_C_EXIT {
		end.Signal = syscall.SIGTERM // what it does on CTRL_BREAK if it does not handle it
	}
	p.Log.Info("the program has ended", end.attr(), slog.Uint64("token", term.Token()))
	return end, nil
}

func (p *Program) assign(job windows.Handle, pid int) error {
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(process)
	return windows.AssignProcessToJobObject(job, process)
}
