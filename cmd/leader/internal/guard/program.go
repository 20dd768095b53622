// Package guard runs a program while a term lasts. When the term is over it leaves nothing of the program behind, whatever becomes of
// leader.
//
// # What ends it, and when
//
// This command must never leave a program running when another node may have the lease. So it does
// not rely on leader itself being alive and awake. On Unix there are three processes:
//
//	leader run            campaigns and renews
//	  leader guard        starts the program, and ends it in time
//	    the program       in a new process group, with all that it starts
//
// The guard asks leader how long the term lasts, over a pipe, and counts that from just before it asked (R2), on all clocks
// (R3): an answer that comes late, because either of them was suspended, never gives more time than there is. When what is
// left falls below what [Timing] says, it sends SIGTERM and then SIGKILL by itself, whether leader is stopped, hangs or is
// dead. It also does when the pipe ends, which is how it learns that leader is gone. It reports the program's end only when
// nothing that the program started is left, so the lease is released after that: by leader, or if that is gone, by the guard
// itself, which has what it takes from the charge. So the next leader need not wait for the lease to run out.
//
// All that the program started is its process group, and on Linux also what left that group, a daemon with its own session
// say: the guard is the subreaper of everything below it, and ends whatever falls to it. It kills only its own children,
// whose process ids stay theirs until it reaps them, so it never meets somebody else.
//
// # Where that ends
//
//   - If the whole machine or container is frozen, the guard is, too. When it wakes, the program may run before the guard
//     does: usually for microseconds, at most for a second after a suspension of the machine.
//   - A process in an uninterruptible sleep (a dead NFS server) dies only when that ends. The lease is not released, but
//     runs out.
//   - A process that the guard may not signal, after sudo say, is not ended. Give leader the rights that it needs.
//   - If the guard itself is killed with SIGKILL, the kernel kills the program (Linux), and leader its process group. What
//     has left the group stays, and the lease runs out. If it is stopped with SIGSTOP, leader kills the process group at the term's end.
//   - On other Unix systems there is no subreaper: what leaves the process group stays.
//   - On Windows there is no guard. A job object ends all processes when leader ends, however it does; but if leader itself
//     is suspended, the program runs on.
//
// The fencing token, LEADER_TOKEN, protects against these.
//
// # In a container
//
// Where there is no init, [AsFirst] makes a first process that waits for leader, and for every process that loses its parent.
package guard

import (
	"errors"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/cmd/leader/internal/logs"
	"github.com/cloudlease/leader/cmd/leader/internal/signals"
	"github.com/cloudlease/leader/lease"
)

// A Program runs under leader run while this node leads, once for each term, or under leader fleet run for one term of a part. Its methods
// are safe for concurrent use, except Run, which one goroutine calls at a time.
type Program struct {
	Path   string // of its file
	Argv   []string
	Env    []string // beside that of this process, and instead of it for the same names; TokenVariable is added
	Timing Timing
	Log    *slog.Logger

	StoreURL string     // by which the guard finds the lease, to give it back
	Keep     bool       // the lease, when the program has ended by itself: --hold-at-least
	Shared   bool       // other programs run beside it: it does not get leader's terminal
	Logs     logs.Flags // of the guard's log

	running running
}

// environment returns what the program of a term finds. A name stands there once: of two, most systems find the first, which would be
// another leader's if this one was started by a program of that.
func (p *Program) environment(token uint64) []string {
	set := append(slices.Clone(p.Env), TokenVariable+"="+strconv.FormatUint(token, 10))
	names := map[string]bool{}
	for _, v := range set {
		name, _, _ := strings.Cut(v, "=")
		names[name] = true
	}
	found := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return names[name]
	})
	return append(found, set...)
}

// Dismiss ends the guard that has stayed behind its program. It must be called when the lease has been released, or is left to run out.
func (p *Program) Dismiss() { p.running.dismiss() }

// Timing is how a program is stopped before its lease can be anybody else's.
type Timing struct {
	Stop  time.Duration // it gets SIGKILL this long after SIGTERM, at the latest, if the lease cannot be kept
	Drain time.Duration // the same, if it is asked to stop while the lease is renewed
	Kill  time.Duration // it gets SIGKILL when this much is left of the term, at the latest
}

// Margin returns how long before the term's end the program gets SIGTERM.
func (t Timing) Margin() time.Duration { return t.Stop + t.Kill }

// patience returns how long a program that is stopped for this cause may take to end.
func (t Timing) patience(cause error) time.Duration {
	if errors.Is(cause, lease.ErrLost) { // or is about to be
		return t.Stop
	}
	return t.Drain
}

// Ending is how a program ended.
type Ending struct {
	Code   int            // its exit status, or 128 and the number of the signal that ended it
	Signal syscall.Signal // that ended it; 0: none did
	Early  bool           // the guard stopped it by itself: leader did not tell in time that the term lasts
}

// attr returns the attribute of the log.
func (e Ending) attr() slog.Attr {
	if e.Signal != 0 {
		return slog.String("signal", signals.Name(e.Signal))
	}
	return slog.Int("status", e.Code)
}

// NotStarted is an error of a program that has not run.
type NotStarted struct {
	Code int // what a shell would exit with; 0: the program is not the reason
	Err  error
}

func (e *NotStarted) Error() string { return e.Err.Error() }
func (e *NotStarted) Unwrap() error { return e.Err }

// Is makes RunOnce give the lease back, also if --hold-at-least would have it kept: nothing has been done.
func (e *NotStarted) Is(target error) bool { return target == leader.ErrStepDown }

// Name is the command that leader run starts itself with, to be the program's guard. It is [Main].
const Name = "guard"

// TokenVariable is the variable of the environment in which the program finds its fencing token.
const TokenVariable = "LEADER_TOKEN"
