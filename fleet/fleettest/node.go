package fleettest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

// A Node is one machine with a fleet's program on it.
type Node struct {
	*fleet.Fleet
	Name  string
	Store *leadertest.Manager // its way to the store: Set makes its requests fail, hang, or lose their answers

	fleet   *Fleet
	machine *hosttest.Machine
	leave   context.CancelCauseFunc
	result  error // once it is gone
	gone    chan struct{}
	dead    context.Context // ends when the node crashes
	die     context.CancelFunc
	once    sync.Once
	had     map[string]uint64 // the token of the latest term of each part; the Fleet's lock guards it
}

// Leave ends the node in order, as the end of Run's context does, and returns what Run has returned.
func (n *Node) Leave() error {
	n.leave(errors.New("fleettest: the node leaves"))
	return n.Result()
}

// Result waits until Run has returned, and returns its error.
func (n *Node) Result() error {
	<-n.gone
	return n.result
}

// Crash ends the node without a word, as the loss of its machine does: its works are gone, and nothing of it reaches the store any
// more.
func (n *Node) Crash() {
	n.die()
	n.machine.Suspend()
}

// Sleep suspends the machine for as long: it neither sends nor hears, and its timers wait. A work that sleeps by itself goes on,
// as a test cannot stop it.
func (n *Node) Sleep(d time.Duration) {
	n.machine.Suspend()
	time.AfterFunc(d, func() {
		if n.dead.Err() == nil {
			n.machine.Resume()
		}
	})
}

func (n *Node) isAwake() bool {
	select {
	case <-n.machine.Awake():
		return n.dead.Err() == nil
	default:
		return false
	}
}

// end ends the node when the test ends. One that has crashed wakes up to end, and reaches no store.
func (n *Node) end() {
	n.once.Do(func() {
		if n.dead.Err() != nil {
			n.Store.Set(leadertest.CutOff)
		}
		n.leave(context.Canceled)
		n.machine.Resume()
		<-n.gone
	})
}

// A link is a node's connection to the store: nothing passes while its machine sleeps.
type link struct {
	lease.Store
	node *Node
}

// Load reads a cell.
func (l link) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	if err := l.wait(ctx); err != nil {
		return lease.Snapshot{}, err
	}
	l.node.fleet.counts(0)
	l.node.fleet.travel()
	s, err := l.Store.Load(ctx, name)
	l.node.fleet.travel()
	return s, errors.Join(err, l.wait(ctx))
}

// Swap writes a cell.
func (l link) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	if err := l.wait(ctx); err != nil {
		return "", err
	}
	l.node.fleet.counts(1)
	l.node.fleet.travel()
	v, err := l.Store.Swap(context.WithoutCancel(ctx), name, old, data)
	l.node.fleet.travel()
	if lost := l.wait(ctx); lost != nil {
		return "", lost
	}
	return v, err
}

// wait waits until the machine is awake.
func (l link) wait(ctx context.Context) error {
	<-l.node.machine.Awake()
	return context.Cause(ctx)
}
