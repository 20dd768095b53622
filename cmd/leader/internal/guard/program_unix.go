//go:build unix

package guard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/cloudlease/leader/cmd/leader/internal/logs"
	"github.com/cloudlease/leader/lease"
)

// A guardOrder goes from leader to the guard; the first one is the charge.
type guardOrder struct {
	Charge    *charge        `json:",omitempty"`
	Answer    bool           `json:",omitempty"` // to the question how much is left of the term: Remaining
	Remaining time.Duration  `json:",omitempty"`
	Stop      time.Duration  `json:",omitempty"` // SIGTERM, and SIGKILL after so long at the latest
	Kill      bool           `json:",omitempty"` // SIGKILL
	Signal    syscall.Signal `json:",omitempty"` // for the program's process group
}

// A charge has everything that the guard needs when leader is dead. It goes through the pipe, since a store's URL may
// have a secret in it, and everybody can see a process's arguments.
type charge struct {
	Timing Timing
	Store  string      // its URL
	Lease  lease.Lease // as it was acquired: renewals change its version alone, and Release finds the latest (R6)
	Keep   bool        // it is not given back if the program ends by itself: --hold-at-least
	Logs   logs.Flags
}

// A guardReport goes from the guard to leader.
type guardReport struct {
	Ask     bool    `json:",omitempty"` // how much is left of the term?
	Started int     `json:",omitempty"` // the program's process id, which is its process group's as well
	Failed  string  `json:",omitempty"` // why it could not be started
	Code    int     `json:",omitempty"` // of Failed: what a shell would exit with
	Ended   *Ending `json:",omitempty"` // the program, and all that it started
}

// running is the guard of the program that runs, if one does.
type running struct {
	mu      sync.Mutex
	guard   *guardProcess // nil: there is none
	group   int           // the program's process group; 0 before it has started, and after
	last    uint64        // the token of the latest term with a guard
	pending []signalFor
	stayed  *guardProcess // behind its program; nil: none has
}

// signalFor is a signal for the program of a term that has begun, but not its program.
type signalFor struct {
	token  uint64
	signal syscall.Signal
}

// order tells the guard something. It reports whether there is one.
func (r *running) order(o guardOrder) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.send(o)
}

// orderWithin is how long an order may take to be given.
const orderWithin = time.Second

// send does the work of order; the caller holds r.mu. A guard that is stopped, and reads nothing, blocks it only briefly.
func (r *running) send(o guardOrder) bool {
	if r.guard == nil {
		return false
	}
	_ = r.guard.orders.SetWriteDeadline(time.Now().Add(orderWithin))
	return json.NewEncoder(r.guard.orders).Encode(o) == nil
}

// begin has the guard of a new term, with what the program is sent as soon as it runs.
func (r *running) begin(g *guardProcess, c charge, token uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.guard, r.group, r.last = g, 0, token
	r.send(guardOrder{Charge: &c})
	for _, s := range r.pending {
		if s.token == token {
			r.send(guardOrder{Signal: s.signal})
		}
	}
	r.pending = nil
}

func (r *running) runs(group int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.group = group
}

// end is the program's end. Its guard stays.
func (r *running) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.guard, r.group, r.stayed = nil, 0, r.guard
}

// dismiss ends the guard that has stayed behind its program, so that leader's death between the program's end and the release
// leaves no lease behind: leader has released that by now, or has left it to run out.
func (r *running) dismiss() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stayed != nil {
		r.stayed.end()
		r.stayed = nil
	}
}

// signal passes a signal on to the program, or keeps it for the one of the term that is about to start it. It reports false if
// there is none.
func (r *running) signal(s syscall.Signal, leading uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.guard != nil:
		return r.send(guardOrder{Signal: s})
	case leading <= r.last: // tokens grow: that program is over
		return false
	}
	r.pending = append(r.pending, signalFor{leading, s})
	return true
}

// Ready tells what this package needs here and does not find.
func Ready() error {
	_, err := executable()
	return err
}

// force does the guard's work where the guard may be unable to. It may have started the program and not have said so.
func (r *running) force() {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.group != 0:
		_ = syscall.Kill(-r.group, syscall.SIGKILL)
	case r.guard != nil && diesWithGuard:
		_ = r.guard.process.Kill()
	}
}

// Signal sends a signal to the program's process group, or to that of the program that the term with the token leading is
// about to start; 0: there is no such term. Kill ends the program with all that it started. They report whether there is one.
func (p *Program) Signal(s os.Signal, leading uint64) bool {
	number, ok := s.(syscall.Signal)
	return ok && p.running.signal(number, leading)
}

func (p *Program) Kill() bool { return p.running.order(guardOrder{Kill: true}) }

// Run runs the program until it has ended, with all that it started. It is stopped when ctx ends, and killed when the term
// has. The guard then stays, until it is dismissed.
func (p *Program) Run(ctx context.Context, term lease.Term, held lease.Lease) (Ending, error) {
	p.running.dismiss()
	var tty *terminal
	if !p.Shared {
		tty = p.terminal()
	}
	g, err := p.startGuard(term.Token(), tty)
	if err != nil {
		return Ending{}, &NotStarted{Err: err}
	}
	p.running.begin(g, charge{p.Timing, p.StoreURL, held, p.Keep, p.Logs}, term.Token())
	defer p.running.end()

	over := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { p.end(ctx, term, over) })
	defer watch.Wait()
	defer close(over)
	defer tty.takeBack()
	return p.follow(json.NewDecoder(g.reports), term, tty)
}

// end has the program ended when it is time, until it is over.
func (p *Program) end(ctx context.Context, term lease.Term, over <-chan struct{}) {
	select {
	case <-ctx.Done():
		p.running.order(guardOrder{Stop: p.Timing.patience(context.Cause(ctx))})
	case <-over:
		return
	}
	select {
	case <-term.Done(): // which ends ctx as well
		p.running.order(guardOrder{Kill: true})
		p.running.force()
	case <-over:
	}
}

// follow listens to the guard until the program has ended.
func (p *Program) follow(reports *json.Decoder, term lease.Term, tty *terminal) (Ending, error) {
	group := 0
	for {
		var r guardReport
		if err := reports.Decode(&r); err != nil {
			err = fmt.Errorf("the guard of %s was killed, and the program with it: %w", p.Argv[0], err)
			if group == 0 {
				return Ending{}, &NotStarted{Err: err}
			}
			p.bury(group)
			return Ending{}, err
		}
		switch {
		case r.Ask:
			p.running.order(guardOrder{Answer: true, Remaining: term.Remaining()})
		case r.Started != 0:
			group = r.Started
			p.running.runs(group)
			if tty.give(group) {
				p.running.order(guardOrder{Signal: syscall.SIGCONT}) // it may have read from the terminal too early
			}
			p.Log.Info("the program runs", slog.Int("pid", group), slog.Uint64("token", term.Token()))
		case r.Failed != "":
			return Ending{}, &NotStarted{r.Code, errors.New(r.Failed)}
		case r.Ended != nil:
			p.Log.Info("the program has ended", r.Ended.attr(), slog.Uint64("token", term.Token()))
			return *r.Ended, nil
		}
	}
}

// bury waits for a program whose guard was killed to die, for as long as it may take to stop.
func (p *Program) bury(group int) {
	for since := time.Now(); syscall.Kill(-group, syscall.SIGKILL) == nil && time.Since(since) < p.Timing.Stop; {
		time.Sleep(p.Timing.Kill / 10) // somebody else reaps it: there is nothing to wait for
	}
}
