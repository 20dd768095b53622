package main

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

// A cluster has several nodes, each a separate process, that compete for one lease. All their files are in one directory:
// the lease, the journal and the logs. Use a cluster from one goroutine.
type cluster struct {
	dir    string
	length time.Duration // of the lease
	every  time.Duration // the leader writes a line

	events  chan event
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

// An event is a node's message, with the node, the time and the process.
type event struct {
	message
	Node    string
	At      time.Time
	process *process
}

func newCluster(dir string, length, every time.Duration) *cluster {
	return &cluster{
		dir: dir, length: length, every: every,
		events: make(chan event, 64), closed: make(chan struct{}), nodes: map[string]*process{},
	}
}

func (c *cluster) journal() string { return filepath.Join(c.dir, "journal") }
func (c *cluster) leases() string  { return filepath.Join(c.dir, "leases") }

// store returns the URL of the lease store.
func (c *cluster) store() string {
	path := filepath.ToSlash(c.leases())
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/dir
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// start runs this program once more, as a node. Its log goes to a file.
func (c *cluster) start(node string) (pid int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	log, err := os.OpenFile(filepath.Join(c.dir, node+".log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	cmd := exec.Command(self, "node", "-id", node, "-store", c.store(), "-journal", c.journal(),
		"-lease", c.length.String(), "-every", c.every.String())
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

// listen passes on a node's messages, and the end of its process.
func (c *cluster) listen(p *process, stdout io.Reader) {
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			m = message{Did: "says", Why: lines.Text()} // a crash, say
		}
		c.send(p, m)
	}
	_ = p.cmd.Wait() // how it ended is in ProcessState
	c.send(p, message{Did: exited, Why: p.cmd.ProcessState.String()})
}

func (c *cluster) send(p *process, m message) {
	select {
	case c.events <- event{message: m, Node: p.node, At: time.Now(), process: p}:
	case <-c.closed:
	}
}

// await takes events as they come, shows each to the observer, and returns the first that matches. A node that ends
// before it was asked to is an error.
func (c *cluster) await(ctx context.Context, observe func(event), match func(event) bool) (event, error) {
	for {
		select {
		case e := <-c.events:
			observe(e)
			if match(e) {
				return e, nil
			}
			if e.Did == exited && !e.process.asked {
				return e, fmt.Errorf("node %s ended by itself: %s: see %s", e.Node, e.Why, filepath.Join(c.dir, e.Node+".log"))
			}
		case <-ctx.Done():
			return event{}, context.Cause(ctx)
		}
	}
}

// kill ends a node's process, as a crash does.
func (c *cluster) kill(node string) error {
	p := c.nodes[node]
	p.asked = true
	return p.cmd.Process.Kill()
}

// stop asks a node to end, by closing its standard input, which works on every system.
func (c *cluster) stop(node string) error {
	p := c.nodes[node]
	p.asked = true
	return p.stdin.Close()
}

func (c *cluster) suspend(node string) error { return suspendProcess(c.nodes[node].cmd.Process) }
func (c *cluster) resume(node string) error  { return resumeProcess(c.nodes[node].cmd.Process) }

// close stops every node that still runs, and kills nodes that take longer than the patience. When it returns, no process
// is left.
func (c *cluster) close(patience time.Duration) {
	for node := range c.nodes {
		_ = c.resume(node) // a suspended process would not notice
		_ = c.stop(node)
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
