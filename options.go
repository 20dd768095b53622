package leader

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"github.com/cloudlease/leader/lease"
)

// An Option sets up a Leader. Run reports every invalid option, all at once.
type Option func(*options)

type options struct {
	work       func(ctx context.Context) error
	elected    func(isLeader bool)
	heartbeat  func(ctx context.Context, isLeader bool) error
	health     func(ctx context.Context) error
	sickAfter  int // failures of the health check in a row that make this node unhealthy
	observers  []func(Event)
	wakes      []func(ctx context.Context, seen lease.Info) error
	manager    lease.Manager
	logger     *slog.Logger
	lease      string
	node       string
	attributes map[string]string

	heartbeatEvery time.Duration
	length         time.Duration
	renewEvery     time.Duration
	acquireEvery   time.Duration
	stopMargin     time.Duration
	stopTimeout    time.Duration
	endTimeout     time.Duration
	holdAtLeast    time.Duration
	patience       time.Duration // of Acquire
	limits         lease.Limits  // the manager's

	given []string // the names of the options that were used
}

func option(name string, set func(*options)) Option {
	return func(o *options) {
		set(o)
		o.given = append(o.given, name)
	}
}

// WhenStarted sets the work, which runs while this node leads. It is the one option that must be there. The work's context
// carries the [lease.Term], and is cancelled when the node no longer leads or is to stop; the work returns soon after. Run
// says what its return means.
func WhenStarted(work func(ctx context.Context) error) Option {
	return option("WhenStarted", func(o *options) { o.work = work })
}

// WhenElected calls told at every change: with true when this node's term begins, with false when it has ended. Calls come in
// order, one at a time, and concurrently with the work: the work may have begun before the call.
func WhenElected(told func(isLeader bool)) Option {
	return option("WhenElected", func(o *options) { o.elected = told })
}

// WithHeartbeat calls beat at each interval while Run runs, leading or not, and tells it whether this node's term holds. An
// interval that passes while a call still runs is left out, also if an earlier Run has left that call behind. If beat returns
// an error, Run ends as if its context had been cancelled, and returns that error. The context of beat ends with Run.
func WithHeartbeat(every time.Duration, beat func(ctx context.Context, isLeader bool) error) Option {
	return option("WithHeartbeat", func(o *options) { o.heartbeatEvery, o.heartbeat = every, beat })
}

// WithLeaseManager says where the lease is. Leaders with the same lease name in the same place elect one of themselves.
// Without this option the lease is in the Leader's own memory: the node always leads, and Run logs a warning.
func WithLeaseManager(m lease.Manager) Option {
	return option("WithLeaseManager", func(o *options) { o.manager = m })
}

// WithLeaseName says which lease: 1 to 255 bytes of UTF-8 without control characters. The default is [DefaultLeaseName].
func WithLeaseName(name string) Option {
	return option("WithLeaseName", func(o *options) { o.lease = name })
}

// WithNodeID names this node, for people and for hand-overs ([To], lease.WishHandover), which name the next leader by it. It
// decides nothing else. The default is made of the host's name, the process's id and a few random characters: it is another one
// after each start of the process.
func WithNodeID(id string) Option {
	return option("WithNodeID", func(o *options) { o.node = id })
}

// WithLeaseLength says how long the lease holds from each renewal. After a leader's crash, no other node leads for that long.
// The default is three times the renew interval if that is given, else [DefaultLeaseLength], 15 seconds.
func WithLeaseLength(d time.Duration) Option {
	return option("WithLeaseLength", func(o *options) { o.length = d })
}

// WithRenewEvery says how often the leader renews, and how long it waits for an answer. At least two attempts must fit
// in before the term's deadline, which is nine tenths of the lease's length after a renewal. The default is a third of
// the length.
func WithRenewEvery(d time.Duration) Option {
	return option("WithRenewEvery", func(o *options) { o.renewEvery = d })
}

// WithAcquireEvery says how often a standby asks for the lease. The default is a third of the lease's length.
func WithAcquireEvery(d time.Duration) Option {
	return option("WithAcquireEvery", func(o *options) { o.acquireEvery = d })
}

// WithStopMargin cancels the work this long before the term's deadline, if no renewal has succeeded until then, so that it can
// stop in an orderly way while the term still holds. The deadline is nine tenths of the lease's length after a renewal. The
// default is 0: the work is cancelled at the deadline.
func WithStopMargin(d time.Duration) Option {
	return option("WithStopMargin", func(o *options) { o.stopMargin = d })
}

// WithStopTimeout says how long a cancelled work may take to return before Run gives it up with an ErrStopTimeout, and leaves
// the lease to run out. The default, 0, means for ever: a work that does not return after a shutdown keeps the lease from all
// other nodes, as it is renewed.
func WithStopTimeout(d time.Duration) Option {
	return option("WithStopTimeout", func(o *options) { o.stopTimeout = d })
}

// WithEndTimeout says how long the end of Run may take besides the work, in all: the functions of lease.BeforeEnd, which get nearly
// half of it, the release, the callbacks, a store that does not answer. Run leaves behind what has not returned by then, and a lease that
// it could not release runs out. The default is a renew interval, at most 5 seconds.
func WithEndTimeout(d time.Duration) Option {
	return option("WithEndTimeout", func(o *options) { o.endTimeout = d })
}

// WithHealth calls check before each try for the lease and at renewals, once in a renew interval. While it returns an error, this node does not
// campaign, and only looks who leads; if it leads, it steps down. No answer within a renew interval counts as an error, and as
// another one in each interval after that. A check never holds a renewal up, and its context ends with Run.
func WithHealth(check func(ctx context.Context) error, opts ...HealthOption) Option {
	return option("WithHealth", func(o *options) {
		o.health, o.sickAfter = check, 1
		for _, set := range opts {
			if set == nil {
				set = func(o *options) { o.sickAfter = 0 }
			}
			set(o)
		}
	})
}

// A HealthOption changes how WithHealth judges the check's answers.
type HealthOption func(*options)

// After makes a node unhealthy only after so many failures of its health check in a row. The default is one. The node is
// healthy again as soon as the check succeeds.
func After(failures int) HealthOption { return func(o *options) { o.sickAfter = failures } }

// WithHoldAtLeast makes RunOnce leave the lease to run out, instead of releasing it, if the work returns sooner than d after
// it began. So a trigger that comes late on another machine does not run the job again. It is at most the lease's length; the
// default is 0. The lease of a work that panics, steps down or is stopped early is released all the same. Only RunOnce uses it. The lease's
// record says so (lease.Request.HoldAtLeast): who looks at a lease that has run out is told that it is a job's.
//
// On a store that cannot tell how old a record is, a lease that is left to run out looks like that of a crashed process. There,
// RunOnce goes on renewing until the time has passed, releases the lease, and only then returns. StepDown waits for that.
func WithHoldAtLeast(d time.Duration) Option {
	return option("WithHoldAtLeast", func(o *options) { o.holdAtLeast = d })
}

// WithPatience says how long Acquire waits for the lease before it returns why it was not acquired. It tries at least once, and a
// last time at the end, but not while this node sits out, as after StepDown. The default, 0, means for ever. Run and RunOnce do not use it.
func WithPatience(d time.Duration) Option {
	return option("WithPatience", func(o *options) { o.patience = d })
}

// WithAttributes publishes texts with the lease, such as an address: at most 1 KiB, keys included. Every program that asks for
// the lease or inspects it sees them.
func WithAttributes(attributes map[string]string) Option {
	return option("WithAttributes", func(o *options) { o.attributes = maps.Clone(attributes) })
}

// WithLogger says where to log, with the keys lease, node, token and holder: what this node does and who leads at Info,
// requests at Debug, trouble at Warn, once when it begins and at growing intervals while it lasts. Each line says what has
// happened, why, and what this node does now; trouble that somebody can end has a key do, with what to do. The texts may change.
// The default is slog.Default(), as it is when Run begins.
func WithLogger(logger *slog.Logger) Option {
	return option("WithLogger", func(o *options) { o.logger = logger })
}

// WithObserver calls observe with each Event. It may be given several times: each observer gets every event. Events come in
// order, one at a time, also from one Run to the next. A slow observer holds nothing up, no other observer either: it gets
// events late, possibly after Run has returned. If very many are waiting, it gets changes of state only, and a DroppedEvent
// says how many events it has missed.
func WithObserver(observe func(Event)) Option {
	return option("WithObserver", func(o *options) { o.observers = append(o.observers, observe) })
}
