// Package nodes runs the nodes of an experiment. Each is a separate process of the experiment's own program, and tells what
// happens in it.
package nodes

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A Cluster has several nodes, each a separate process. All their files are in one directory: the leases, the journals and
// the logs. Use a Cluster from one goroutine.
type Cluster struct {
	dir  string
	args []string // of each node

	events  chan Event
	closed  chan struct{}
	reading sync.WaitGroup
	nodes   map[string]*process
}

// A process is one run of a node.
type process struct {
	node  string
	cmd   *exec.Cmd
	stdin io.Closer
	asked bool // to end
}

// An Event is a node's message, with the node and the time.
type Event struct {
	Message
	Node    string
	At      time.Time
	Failed  bool // Did is Exited, and the process did not end in order
	process *process
}

// New returns a cluster without nodes. Each node gets the arguments, besides its name (-id) and the URL of the lease store
// (-store).
func New(dir string, args ...string) *Cluster {
	return &Cluster{dir: dir, args: args, events: make(chan Event, 64), closed: make(chan struct{}), nodes: map[string]*process{}}
}

// Leases returns the directory of the lease store.
func (c *Cluster) Leases() string { return filepath.Join(c.dir, "leases") }

// store returns the URL of the lease store.
func (c *Cluster) store() string {
	path := filepath.ToSlash(c.Leases())
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/dir
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// Start runs this program once more, as a node. Its log goes to a file.
func (c *Cluster) Start(node string) (pid int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	log, err := os.OpenFile(c.log(node), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	cmd := exec.Command(self, append([]string{"node", "-id", node, "-store", c.store()}, c.args...)...)
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start node %s: %w", node, err)
	}
	p := &process{node: node, cmd: cmd, stdin: stdin}
	c.nodes[node] = p
	c.reading.Go(func() { c.listen(p, stdout) })
	return cmd.Process.Pid, nil
}

func (c *Cluster) log(node string) string { return filepath.Join(c.dir, node+".log") }

// listen passes on a node's messages, and the end of its process.
func (c *Cluster) listen(p *process, stdout io.Reader) {
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var m Message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			m = Message{Did: "says", Why: lines.Text()} // a crash, say
		}
		c.send(Event{Message: m, process: p})
	}
	_ = p.cmd.Wait() // how it ended is in ProcessState
	state := p.cmd.ProcessState
	c.send(Event{Message: Message{Did: Exited, Why: state.String()}, Failed: state == nil || !state.Success(), process: p})
}

func (c *Cluster) send(e Event) {
	e.Node, e.At = e.process.node, time.Now()
	select {
	case c.events <- e:
	case <-c.closed:
	}
}

// Await takes events as they come, shows each to the observer, and returns the first that matches. A node that ends before it
// was asked to is an error.
func (c *Cluster) Await(ctx context.Context, observe func(Event), match func(Event) bool) (Event, error) {
	for {
		select {
		case e := <-c.events:
			observe(e)
			if match(e) {
				return e, nil
			}
			if e.Did == Exited && !e.process.asked {
				return e, fmt.Errorf("node %s ended by itself: %s: see %s", e.Node, e.Why, c.log(e.Node))
			}
		case <-ctx.Done():
			return Event{}, context.Cause(ctx)
		}
	}
}

// AwaitEnd waits until a node has ended that Stop has asked to. It is an error if it did not end in order.
func (c *Cluster) AwaitEnd(ctx context.Context, observe func(Event), node string) error {
	e, err := c.Await(ctx, observe, func(e Event) bool { return e.Did == Exited && e.Node == node })
	if err == nil && e.Failed {
		err = fmt.Errorf("node %s was asked to stop, and ended with %s", node, e.Why)
	}
	return err
}

// Kill ends a node's process, as a crash does.
func (c *Cluster) Kill(node string) error {
	p := c.nodes[node]
	p.asked = true
	return p.cmd.Process.Kill()
}

// Stop asks a node to end: by SIGTERM, or where there is none, by closing its standard input.
func (c *Cluster) Stop(node string) error {
	p := c.nodes[node]
	p.asked = true
	if askToEnd(p.cmd.Process) == nil {
		return nil
	}
	return p.stdin.Close()
}

// Suspend stops all threads of a node's process.
func (c *Cluster) Suspend(node string) error { return suspend(c.nodes[node].cmd.Process) }

// Resume lets a node's process go on.
func (c *Cluster) Resume(node string) error { return resume(c.nodes[node].cmd.Process) }

// Close stops every node that still runs, and kills nodes that take longer than the patience. When it returns, no process
// is left.
func (c *Cluster) Close(patience time.Duration) {
	for node := range c.nodes {
		_ = c.Resume(node) // a suspended process would not notice
		_ = c.Stop(node)
	}
	close(c.closed)
	late := time.AfterFunc(patience, func() {
		for _, p := range c.nodes {
			_ = p.cmd.Process.Kill()
		}
	})
	defer late.Stop()
	c.reading.Wait()
}
