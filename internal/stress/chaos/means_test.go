//go:build unix

package chaos

import (
	"fmt"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
)

// The means of the faults.

func (e *election) kill(n *node) {
	n.asked = true
	require.NoError(e, n.cmd.Process.Kill())
	p := n.process
	e.must(p.id+" is gone", patience, func(event) bool { return p.ended })
	e.start(n)
}

func (e *election) suspend(n *node) (resume func()) {
	require.NoError(e, n.cmd.Process.Signal(syscall.SIGSTOP))
	awaitStop(e.T, n.cmd.Process.Pid)
	return func() {
		require.NoError(e, n.cmd.Process.Signal(syscall.SIGCONT))
		n.healed = Now()
	}
}

// shift steps a node's wall clock.
func (e *election) shift(n *node, by time.Duration) {
	_, err := fmt.Fprintln(n.stdin, by)
	require.NoError(e, err)
}

// broken breaks the nodes' lines in some way, until over is called.
func (e *election) broken(how func(*node), nodes ...*node) (over func()) {
	for _, n := range nodes {
		how(n)
	}
	return func() {
		for _, n := range nodes {
			n.line.Heal()
			n.healed = Now()
		}
	}
}

func refuse(n *node) { n.line.Refuse() }

func every(f wire.Fault) func(*node) {
	return func(n *node) { n.proxy.OnEvery(f) }
}

// holding holds what the nodes send until over is called. Then it arrives.
func (e *election) holding(nodes ...*node) (over func()) {
	release := make(chan struct{})
	heal := e.broken(every(wire.Hold(wire.Before, release)), nodes...)
	return func() {
		close(release)
		heal()
	}
}
