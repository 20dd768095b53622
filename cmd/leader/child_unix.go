//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A guardOrder is what leader tells the guard; the first one is the timing.
type guardOrder struct {
	Timing    *timing        `json:",omitempty"`
	Answer    bool           `json:",omitempty"` // to the question how much is left of the term: Remaining
	Remaining time.Duration  `json:",omitempty"`
	Stop      time.Duration  `json:",omitempty"` // SIGTERM, and SIGKILL after so long at the latest
	Kill      bool           `json:",omitempty"` // SIGKILL
	Signal    syscall.Signal `json:",omitempty"` // for the program's process group
}

// A guardReport is what the guard tells leader.
type guardReport struct {
	Ask     bool    `json:",omitempty"` // how much is left of the term?
	Started int     `json:",omitempty"` // the program's process id, which is its process group's as well
	Failed  string  `json:",omitempty"` // why it could not be started
	Code    int     `json:",omitempty"` // of Failed: what a shell would exit with
	Ended   *ending `json:",omitempty"` // the program, and all that it started
}

// running is the guard of the program that runs, if one does.
type running struct {
	mu     sync.Mutex
	orders *json.Encoder
	group  int // the program's process group; 0 before it has started, and after
}

// order tells the guard something. It reports whether there is one.
func (r *running) order(o guardOrder) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.orders != nil && r.orders.Encode(o) == nil
}

func (r *running) set(orders *json.Encoder, group int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.orders, r.group = orders, group
}

// killGroup does the guard's work where the guard may be unable to.
func (r *running) killGroup() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.group != 0 {
		_ = syscall.Kill(-r.group, syscall.SIGKILL)
	}
}

// signal sends a signal to the program's process group, and kill ends it with all that it started. They report whether
// it runs.
func (p *program) signal(s os.Signal) bool {
	number, ok := s.(syscall.Signal)
	return ok && p.running.order(guardOrder{Signal: number})
}

func (p *program) kill() bool { return p.running.order(guardOrder{Kill: true}) }

// run runs the program until it has ended, with all that it started. It is stopped when ctx ends, and killed when the term
// has.
func (p *program) run(ctx context.Context, term lease.Term) (ending, error) {
	tty := p.terminal()
	guard, orders, reports, err := p.startGuard(term.Token(), tty)
	if err != nil {
		return ending{}, err
	}
	defer func() { // the guard ends by the end of its orders, if not before
		p.running.set(nil, 0)
		_ = orders.Close()
		_ = reports.Close()
		_ = guard.Wait()
	}()
	p.running.set(json.NewEncoder(orders), 0)
	p.running.order(guardOrder{Timing: &p.timing})

	over := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { p.end(ctx, term, over) })
	defer watch.Wait()
	defer close(over)
	defer tty.takeBack()
	return p.follow(json.NewDecoder(reports), term, tty)
}

// end has the program ended when it is time, until it is over.
func (p *program) end(ctx context.Context, term lease.Term, over <-chan struct{}) {
	select {
	case <-ctx.Done():
		p.running.order(guardOrder{Stop: p.timing.patience(context.Cause(ctx))})
	case <-over:
		return
	}
	select {
	case <-term.Done(): // which ends ctx as well
		p.running.order(guardOrder{Kill: true})
		p.running.killGroup()
	case <-over:
	}
}

// follow listens to the guard until the program has ended.
func (p *program) follow(reports *json.Decoder, term lease.Term, tty *terminal) (ending, error) {
	group := 0
	for {
		var r guardReport
		if err := reports.Decode(&r); err != nil {
			p.bury(group)
			return ending{}, fmt.Errorf("the guard of %s was killed, and so is the program: %w", p.argv[0], err)
		}
		switch {
		case r.Ask:
			p.running.order(guardOrder{Answer: true, Remaining: term.Remaining()})
		case r.Started != 0:
			group = r.Started
			p.running.mu.Lock()
			p.running.group = group
			p.running.mu.Unlock()
			if tty.give(group) {
				p.signal(syscall.SIGCONT) // it may have read from the terminal too early
			}
			p.log.Info("the program runs", slog.Int("pid", group), slog.Uint64("token", term.Token()))
		case r.Failed != "":
			return ending{}, &exitError{code: r.Code, err: errors.New(r.Failed)}
		case r.Ended != nil:
			p.log.Info("the program has ended", r.Ended.attr())
			return *r.Ended, nil
		}
	}
}

// bury waits for a program whose guard was killed to die, for as long as it may take to stop.
func (p *program) bury(group int) {
	if group == 0 {
		return
	}
	for since := time.Now(); syscall.Kill(-group, syscall.SIGKILL) == nil && time.Since(since) < p.timing.Stop; {
		time.Sleep(p.timing.Kill / 10) // somebody else reaps it: there is nothing to wait for
	}
}

func (p *program) startGuard(token uint64, tty *terminal) (guard *exec.Cmd, orders, reports *os.File, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, nil, err
	}
	if _, err := os.Stat(image); err == nil {
		self = image
	}
	ordersIn, orders, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	defer ordersIn.Close()
	reports, reportsOut, err := os.Pipe()
	if err != nil {
		_ = orders.Close()
		return nil, nil, nil, err
	}
	defer reportsOut.Close()
	guard = exec.Command(self)
	guard.Args = append([]string{"leader", guardName, p.path}, p.argv...)
	guard.Env = append(append(os.Environ(), p.env...), tokenVariable+"="+strconv.FormatUint(token, 10))
	guard.Stdin, guard.Stdout, guard.Stderr = p.in, p.out, p.err
	if tty == nil && isTerminal(p.in) {
		guard.Stdin = nil // who reads from a terminal in the background is stopped
	}
	guard.ExtraFiles = []*os.File{ordersIn, reportsOut}
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what is meant for leader's process group is not for it
	if err := guard.Start(); err != nil {
		_ = orders.Close()
		_ = reports.Close()
		return nil, nil, nil, fmt.Errorf("start the guard: %w", err)
	}
	return guard, orders, reports, nil
}
