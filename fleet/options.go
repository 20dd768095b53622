package fleet

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/cloudlease/leader/lease"
)

// An Option sets up a Fleet. Run reports every invalid option, all at once.
type Option func(*options)

type options struct {
	work       func(ctx context.Context, part string) error
	manager    lease.Manager
	limits     lease.Limits // the manager's
	name       string
	node       string
	parts      []string // sorted; the list that was given, or the latest one of list
	list       func(ctx context.Context) ([]string, error)
	listEvery  time.Duration
	version    uint64
	attributes map[string]string
	health     func(ctx context.Context) error
	observers  []func(Event)
	wakes      []func(ctx context.Context, seen lease.Info) error
	logger     *slog.Logger

	weight   int
	capacity int

	length       time.Duration
	interval     time.Duration
	calm         time.Duration
	stopTimeout  time.Duration
	drainTimeout time.Duration
	endTimeout   time.Duration

	assign func(*plan, situation) (*plan, []string) // tests have others
	decode func(text string) (*plan, error)

	given []string // the names of the options that were used
	wrong []error  // what was wrong with them by themselves
}

func option(name string, set func(*options)) Option {
	return func(o *options) {
		set(o)
		o.given = append(o.given, name)
	}
}

// WhenAssigned sets the work, which is required. It runs for each part that this node has, each in its own goroutine. Its context
// carries the part's [lease.Term], whose name is "<fleet>/parts/<part>" and whose token grows with each change of hands. The context
// is cancelled when the part moves, when the node is to stop, and when the term is lost. The work must return soon after. No other
// node begins the part before the work has returned or its term has run out.
//
// A work that returns an error is begun again in the same term, after a pause that grows up to the lease length. One that returns nil
// is done for this term.
func WhenAssigned(work func(ctx context.Context, part string) error) Option {
	return option("WhenAssigned", func(o *options) { o.work = work })
}

// WithLeaseManager says where the fleet's leases are. It is required. The manager must keep values (lease.Limits.MaxValue) and be
// able to inspect leases (lease.Inspect), as all managers of this module are: else Run returns an errors.ErrUnsupported. Nodes with the
// same fleet name in the same place are one fleet.
func WithLeaseManager(m lease.Manager) Option {
	return option("WithLeaseManager", func(o *options) { o.manager = m })
}

// WithName names the fleet. The coordinator's lease has the same name: no other program may use it. It has at most 243 bytes of UTF-8
// without control characters, and must not contain "/seats/" or "/parts/". The default is [DefaultName].
func WithName(name string) Option {
	return option("WithName", func(o *options) { o.name = name })
}

// WithShards makes parts "0" to "n-1"; n is 1 to 131,072. Exactly one of WithShards, WithParts and WithPartsFrom is required.
func WithShards(n int) Option {
	return option("WithShards", func(o *options) { o.setShards(n) })
}

// WithParts names the parts: 1 to 131,072 different ones. "<fleet>/parts/<part>" must be the name of a lease: at most 255 bytes of UTF-8
// without control characters. All names together must fit into a lease's value, where they are deflated: some thousands of names do.
func WithParts(parts ...string) Option {
	return option("WithParts", func(o *options) { o.parts = sorted(parts) })
}

// WithPartsFrom calls list for the names of the parts: when this node becomes the coordinator, and then once in each period every. Until a call
// has told some, it is called again sooner: after an interval, then after two, and so on.
// An error, an invalid list, an empty one, and one with which the plan does not fit into the lease change nothing. The context of
// list ends after one period, or with the office.
func WithPartsFrom(every time.Duration, list func(ctx context.Context) ([]string, error)) Option {
	return option("WithPartsFrom", func(o *options) { o.listEvery, o.list = every, list })
}

// WithPartsVersion numbers the list of parts. A coordinator whose version is smaller than the plan's does not change the plan's list:
// so in a rolling update the older program does not remove the newer one's parts. The default is 0.
func WithPartsVersion(version uint64) Option {
	return option("WithPartsVersion", func(o *options) { o.version = version })
}

// WithNodeID names this node, for people and for [Move], which pins parts to a node by this name. It decides nothing else. The default
// is made of the host's name, the process's id and a few random characters: it is another one after each start of the process, so give
// a name that stays if parts are to be pinned.
func WithNodeID(id string) Option {
	return option("WithNodeID", func(o *options) { o.node = id })
}

// WithLeaseLength says how long this node's seat, and the coordinator's lease, hold from each renewal. After a crash, the
// node's parts wait for that long. The default is [DefaultLeaseLength], or the manager's shortest length if that is longer. All nodes
// of a fleet should have the same length.
func WithLeaseLength(d time.Duration) Option {
	return option("WithLeaseLength", func(o *options) { o.length = d })
}

// WithInterval says how often this node renews its seat and reads the plan. The coordinator looks at the seats as often. Twice the
// interval must be less than nine tenths of the lease's length. The default is a third of the length, or the time that the manager
// wants between two writes if that is longer.
func WithInterval(d time.Duration) Option {
	return option("WithInterval", func(o *options) { o.interval = d })
}

// WithWeight sets this node's share: a node with weight 2 gets twice as many parts as one with 1. A node with weight 0 is a spare: it
// gets only parts for which no other node has room. The default is 1, the greatest weight 1,048,576.
func WithWeight(weight int) Option {
	return option("WithWeight", func(o *options) { o.weight = weight })
}

// WithCapacity bounds the number of parts of this node. Parts for which no node has room are nobody's: the coordinator logs an error,
// and observers get an [UnplacedEvent]. The default, 0, is no bound. More than 2,147,483,647 means that: no fleet has as many parts.
func WithCapacity(parts int) Option {
	return option("WithCapacity", func(o *options) { o.capacity = min(parts, maxCapacity) })
}

// WithCalm says for how long no node must have come or gone before parts move for balance alone. A part without a living owner
// never waits for that. The default is two lease lengths; 0 means no wait.
func WithCalm(d time.Duration) Option {
	return option("WithCalm", func(o *options) { o.calm = d })
}

// WithStopTimeout says how long a cancelled work may take to return before this node gives up: the works beside it are cancelled, too, and
// have as long. Then Run returns an ErrStopTimeout, and the seat is left to run out. The default, 0, means for ever: meanwhile no other
// node begins the part. What a work writes last, once it has returned, is not counted: WithEndTimeout bounds that.
func WithStopTimeout(d time.Duration) Option {
	return option("WithStopTimeout", func(o *options) { o.stopTimeout = d })
}

// WithDrainTimeout says how long a node that stops in order waits for other nodes to get its parts. Its works go on meanwhile; after that,
// those that are left are cancelled. If all of them return by themselves, it waits no longer. The default is the lease's length; 0 means
// that a node does not wait.
func WithDrainTimeout(d time.Duration) Option {
	return option("WithDrainTimeout", func(o *options) { o.drainTimeout = d })
}

// WithEndTimeout says how long the end of Run may take besides the works and the drain, in all: releases, observers, and a store that does
// not answer. Run leaves behind what has not returned by then, and a lease that it could not release runs out. What a work writes last
// (lease.BeforeEnd) has as long before, and is left behind after that, too. The default is an interval, at most 5 seconds.
func WithEndTimeout(d time.Duration) Option {
	return option("WithEndTimeout", func(o *options) { o.endTimeout = d })
}

// WithHealth calls check once in an interval, in a goroutine, and never twice at a time. While it returns an error, or has not returned
// within the interval, this node drains and does not coordinate. It takes parts again when it is healthy.
func WithHealth(check func(ctx context.Context) error) Option {
	return option("WithHealth", func(o *options) { o.health = check })
}

// WithAttributes publishes texts, such as an address, with this node's seat, and with the coordinator's lease while it coordinates: at
// most 1 KiB, keys included. Inspect shows them.
func WithAttributes(attributes map[string]string) Option {
	return option("WithAttributes", func(o *options) { o.attributes = maps.Clone(attributes) })
}

// WithLogger says where to log, with the keys fleet, node, part and token. The texts may change. The default is slog.Default(), as
// it is when Run begins.
func WithLogger(logger *slog.Logger) Option {
	return option("WithLogger", func(o *options) { o.logger = logger })
}

// WithObserver calls observe with each Event, in order, one at a time, also from one Run to the next. It may be given several times. A
// slow observer holds nothing up but the end of Run (WithEndTimeout), no other observer either: it gets its events late, possibly after Run
// has returned. If very many are waiting, a DroppedEvent says how many it has missed.
func WithObserver(observe func(Event)) Option {
	return option("WithObserver", func(o *options) { o.observers = append(o.observers, observe) })
}

func sorted(parts []string) []string {
	parts = slices.Clone(parts)
	slices.Sort(parts)
	return parts
}
