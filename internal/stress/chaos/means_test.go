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

func (c *crew) kill(n *node) {
	n.asked = true
	require.NoError(c, n.cmd.Process.Kill())
	p := n.process
	c.must(p.id+" is gone", patience, func(event) bool { return p.ended })
	c.start(n)
}

func (c *crew) suspend(n *node) (resume func()) {
	require.NoError(c, n.cmd.Process.Signal(syscall.SIGSTOP))
	awaitStop(c.T, n.cmd.Process.Pid)
	return func() {
		require.NoError(c, n.cmd.Process.Signal(syscall.SIGCONT))
		n.healed = Now()
	}
}

// shift steps a node's wall clock.
func (c *crew) shift(n *node, by time.Duration) {
	_, err := fmt.Fprintln(n.stdin, by)
	require.NoError(c, err)
}

// broken breaks the nodes' lines in some way, until over is called.
func (c *crew) broken(how func(*node), nodes ...*node) (over func()) {
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
func (c *crew) holding(nodes ...*node) (over func()) {
	release := make(chan struct{})
	heal := c.broken(every(wire.Hold(wire.Before, release)), nodes...)
	return func() {
		close(release)
		heal()
	}
}
