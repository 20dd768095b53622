package experiment

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// A cluster has several nodes, each a separate process, and for each a proxy on its way to the database, and one on its way to the
// lease store. Use it from one goroutine.
type cluster struct {
	dir      string
	length   time.Duration // of the leases
	database database
	server   string // address of the server with the leases and the documents
	fleet    bool

	events  chan event
	closed  chan struct{}
	reading sync.WaitGroup
	nodes   map[string]*node
}

// A node is its latest process, and its proxies.
type node struct {
	name     string
	database *proxy // nil: the database is a file
	leases   *proxy
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	asked    bool // to end
}

// An event is a line of a node's log.
type event struct {
	Level, Msg string
	Lease      string
	Token      uint64
	Position   int64  // after which a work goes on
	At         string // where it is held
	Err, Cause string

	Part              string // of a fleet
	Taken, Given, Has int    // partitions

	node string
	of   *exec.Cmd
	ends bool // the process has ended, as Msg says
}

// add adds a node, which is not started yet.
func (c *cluster) add(name string) (err error) {
	n := &node{name: name}
	if n.leases, err = newProxy(c.server); err != nil {
		return err
	}
	c.nodes[name] = n
	if c.database.postgres() {
		n.database, err = newProxy(c.database.host())
	}
	return err
}

// start starts a node's process.
func (c *cluster) start(name string) error {
	n := c.nodes[name]
	address := c.database.address
	if n.database != nil {
		address = c.database.through(n.database.address())
	}
	cmd, stdin, stdout, err := c.spawn(name, "node", "-node", name, "-store", "http://"+n.leases.address()+"/leases",
		"-index", "http://"+c.server+"/documents", "-database", address, "-lease-length", c.length.String(),
		"-checkpoint-every", (c.length / 4).String(), "-fleet="+strconv.FormatBool(c.fleet))
	if err != nil {
		return err
	}
	n.cmd, n.stdin, n.asked = cmd, stdin, false
	c.reading.Go(func() { c.listen(n.name, cmd, stdout) })
	return nil
}

// An appender is the producer's process.
type appender struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.Reader
}

func (c *cluster) startProducer() (*appender, error) {
	cmd, stdin, stdout, err := c.spawn("producer", "producer", c.database.address)
	return &appender{cmd, stdin, stdout}, err
}

// stop asks the producer to end, and returns what it has done. After the first time it does nothing.
func (a *appender) stop() (did tally, err error) {
	if err := a.stdin.Close(); err != nil {
		return did, err
	}
	err = errors.Join(json.NewDecoder(a.stdout).Decode(&did), a.cmd.Wait())
	return did, err
}

// spawn starts this program once more, in another role. Its standard error goes to a file.
func (c *cluster) spawn(name string, args ...string) (*exec.Cmd, io.WriteCloser, io.Reader, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, nil, err
	}
	log, err := os.OpenFile(filepath.Join(c.dir, name+".log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, nil, err
	}
	defer log.Close()
	cmd := exec.Command(self, args...)
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	return cmd, stdin, stdout, cmd.Start()
}

// listen passes on a node's log, and the end of its process. It keeps the log in a file, too.
func (c *cluster) listen(name string, cmd *exec.Cmd, stdout io.Reader) {
	log, err := os.OpenFile(filepath.Join(c.dir, name+".log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		log = nil // which nothing can be written to
	}
	defer log.Close()
	for lines := bufio.NewScanner(io.TeeReader(stdout, orNothing{log})); lines.Scan(); {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			e = event{Level: "WARN", Msg: lines.Text()} // a crash, say
		}
		e.node, e.of = name, cmd
		c.send(e)
	}
	_ = cmd.Wait() // how it ended is in ProcessState
	c.send(event{Msg: cmd.ProcessState.String(), node: name, of: cmd, ends: true})
}

// orNothing writes to a file, and is content if it cannot.
type orNothing struct{ file *os.File }

func (w orNothing) Write(p []byte) (int, error) {
	_, _ = w.file.Write(p)
	return len(p), nil
}

func (c *cluster) send(e event) {
	select {
	case c.events <- e:
	case <-c.closed:
	}
}

// await takes events as they come, shows each to the observer, and returns the first that matches. A node that ends before it was
// asked to is an error.
func (c *cluster) await(ctx context.Context, observe func(event), match func(event) bool) (event, error) {
	for {
		select {
		case e := <-c.events:
			observe(e)
			n := c.nodes[e.node]
			if e.ends && e.of == n.cmd && !n.asked {
				return e, fmt.Errorf("node %s ended by itself: %s: see %s", e.node, e.Msg, filepath.Join(c.dir, e.node+".log"))
			}
			if match(e) {
				return e, nil
			}
		case <-ctx.Done():
			return event{}, context.Cause(ctx)
		}
	}
}

// tell sends a command to a node.
func (n *node) tell(command string) error {
	_, err := fmt.Fprintln(n.stdin, command)
	return err
}

func (n *node) kill() error {
	n.asked = true
	return n.cmd.Process.Kill()
}

// stop asks a node to end in order.
func (n *node) stop() error {
	n.asked = true
	return n.stdin.Close()
}

func (n *node) suspend() error { return suspendProcess(n.cmd.Process) }
func (n *node) resume() error  { return resumeProcess(n.cmd.Process) }

// isolate cuts a node off from the lease store. It reaches the database and the search index.
func (n *node) isolate() { n.leases.silence() }

// heal ends all cuts.
func (n *node) heal() {
	n.leases.heal()
	if n.database != nil {
		n.database.heal()
	}
}

// close stops every node that still runs, and kills nodes that take longer than the patience. When it returns, no process is left.
func (c *cluster) close(patience time.Duration) {
	close(c.closed)
	for _, n := range c.nodes {
		n.heal()
		if n.cmd != nil {
			_ = n.resume() // a suspended process would not notice
			_ = n.stop()
			defer time.AfterFunc(patience, func() { _ = n.cmd.Process.Kill() }).Stop()
		}
	}
	c.reading.Wait()
	for _, n := range c.nodes {
		n.leases.close()
		if n.database != nil {
			n.database.close()
		}
	}
}
