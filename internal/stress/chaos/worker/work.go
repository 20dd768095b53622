//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/stress/chaos"
	"github.com/cloudlease/leader/internal/stress/chaos/register"
	"github.com/cloudlease/leader/lease"
)

// A work is a node's for its lease, or for one term of a part.
type work struct {
	register *register.Register
	journal  *os.File
	process  string
	part     string // of a fleet; empty: the work is that of an election
	every    time.Duration
	careless bool
	claimed  uint64 // the token by which the register was claimed
	applied  int64  // how many events were, as far as this process knows
	refused  uint64 // the token of the latest term that the register has refused
}

// batch is the number of effects after which a careless worker looks whether it has to stop.
const batch = 32

// lead is the work of a term.
func (w *work) lead(ctx context.Context) error {
	term, _ := leader.TermFrom(ctx)
	chaos.Message{Did: chaos.Leads, Token: term.Token(), Part: w.part}.Tell()
	defer func() { chaos.Message{Did: chaos.Returns, Token: term.Token(), Part: w.part}.Tell() }()
	_ = w.claim(term.Token()) // if the register is busy, the first effect claims
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for n := 1; ; n++ {
		if err := w.effect(term); err != nil {
			return err
		}
		if w.careless && n%batch != 0 {
			<-tick.C
			continue
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// effect writes once to the register, and then to the journal. A refusal by the register changes nothing here, as the next
// Check fails, too.
func (w *work) effect(term lease.Term) error {
	e := chaos.Effect{Token: term.Token(), Process: w.process, Asked: chaos.Now()}
	lost := term.Check() // right before the effect
	e.Held = lost == nil
	if lost != nil && !w.careless {
		return lost
	}
	e.Begun = chaos.Now()
	time.Sleep(w.every / 2) // most effects are requests and take time; so some are suspended halfway
	switch err := w.apply(term.Token()); {
	case err == nil:
		e.Verdict = chaos.Accepted
	case errors.Is(err, register.ErrStale):
		e.Verdict = chaos.Refused
		if w.refused != e.Token {
			w.refused = e.Token
			chaos.Message{Did: chaos.Refusal, Token: e.Token, Part: w.part}.Tell()
		}
	default:
		e.Verdict = chaos.Failed
	}
	e.Ended = chaos.Now()
	return e.Append(w.journal)
}

// apply applies the next event, once this term has claimed the register.
func (w *work) apply(token uint64) error {
	if err := w.claim(token); err != nil {
		return err
	}
	err := w.register.Apply(token, w.applied+1, w.process)
	if err == nil {
		w.applied++
	}
	return err
}

// claim claims the register, the first time, and then reads how far it is.
func (w *work) claim(token uint64) (err error) {
	if w.claimed == token {
		return nil
	}
	if w.applied, err = w.register.Claim(token); err == nil {
		w.claimed = token
	}
	return err
}

// open opens the files of a work: the register, and the journal.
func (w *work) open(fenced, unfenced string) (err error) {
	if w.register, err = register.Open(fenced); err != nil {
		return err
	}
	w.journal, err = os.OpenFile(unfenced, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	return err
}

func (w *work) close() error { return errors.Join(w.journal.Close(), w.register.Close()) }
