//go:build unix

package guard

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// guardProcess is the guard as leader has it.
type guardProcess struct {
	process         *os.Process
	orders, reports *os.File
	gone            chan struct{} // closed when it has ended
}

// end ends a guard that has nothing to guard any more. It must not take the end of its orders for leader's: so it is killed
// first.
func (g *guardProcess) end() {
	_ = g.process.Kill()
	_ = g.orders.Close()
	_ = g.reports.Close()
	<-g.gone
}

// startGuard starts the guard. What os/exec cannot do is to give it the files that leader has inherited, with their numbers,
// and not to touch what they are: they are the program's.
func (p *Program) startGuard(token uint64, tty *terminal) (*guardProcess, error) {
	self, err := executable()
	if err != nil {
		return nil, err
	}
	ordersIn, orders, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	defer ordersIn.Close()
	g := &guardProcess{orders: orders, gone: make(chan struct{})}
	reports, reportsOut, err := os.Pipe()
	if err != nil {
		_ = orders.Close()
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	defer reportsOut.Close()
	g.reports = reports
	files := inherited()
	if tty == nil && term.IsTerminal(int(os.Stdin.Fd())) { // who reads from a terminal in the background is stopped
		if null, err := os.Open(os.DevNull); err == nil {
			defer null.Close()
			files[0] = null.Fd()
		}
	}
	files = append(files, ordersIn.Fd(), reportsOut.Fd())
	pid, _, err := syscall.StartProcess(self,
		append([]string{"leader", Name, strconv.Itoa(len(files) - 2), strconv.Itoa(len(files) - 1), p.Path}, p.Argv...),
		&syscall.ProcAttr{
			Env:   p.environment(token),
			Files: files,
			Sys:   &syscall.SysProcAttr{Setpgid: true}, // what is meant for leader's process group is not for it
		})
	if err == nil {
		g.process, err = os.FindProcess(pid)
	}
	if err != nil {
		_ = orders.Close()
		_ = reports.Close()
		return nil, fmt.Errorf("start the guard %s: %w", self, err)
	}
	go func() {
		defer close(g.gone)
		_, _ = g.process.Wait()
	}()
	return g, nil
}

// inherited returns the files that were open when leader started, for the program, at their numbers: as systemd does with
// sockets, and a shell with 3>file. Those from the number given here on reach it in any case.
func inherited() []uintptr {
	syscall.ForkLock.Lock() // where a file is made first, and closed on exec then, as on macOS, none is half made
	defer syscall.ForkLock.Unlock()
	const closed = ^uintptr(0)
	files := []uintptr{0, 1, 2}
	for fd := uintptr(len(files)); fd < 1024; fd++ {
		flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 { // all that Go opens is closed on exec
			continue
		}
		for uintptr(len(files)) < fd {
			files = append(files, closed)
		}
		files = append(files, fd)
	}
	return files
}
