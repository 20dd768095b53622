//go:build unix

package chaos

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulated"
	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/stress/chaos/register"
	"github.com/cloudlease/leader/internal/wire"
)

// A crew is a group of workers, each in its own process, on one store. One goroutine runs it.
type crew struct {
	*testing.T
	*place
	store  string // URL of the workers' store; "": each has a different one
	dir    string // of the registers, the journals and the workers' logs
	binary string
	flags  []string // of each worker, beside those that all crews have
	random *rand.Rand
	tally  *tally
	nodes  []*node
	see    func(event) // what an event means to this crew's work

	reading sync.WaitGroup
	mu      sync.Mutex
	arrived []event
	arrives chan struct{} // has an element if an event may have arrived
}

// A node is a worker that is started again when it has ended.
type node struct {
	*process
	name     string
	careless bool
	url      string
	line     line
	proxy    *wire.Proxy // the line, if the node's store has a server
	runs     int
}

// A process is one run of a node.
type process struct {
	id       string
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	asked    bool          // to end
	ended    bool          // cmd.ProcessState says how
	leads    uint64        // its term; 0: none
	answered time.Duration // when it last heard from the store
	failed   time.Duration // when it last got no clear answer
	healed   time.Duration // when its last fault was over
}

// An event is a message of a process.
type event struct {
	Message
	node    *node
	process *process
}

// newCrew returns a crew without workers. It ends with the test, and leaves its evidence behind if that fails.
func newCrew(t *testing.T, p *place, binary string, random *rand.Rand, tally *tally) *crew {
	dir, err := os.MkdirTemp("", "leader-chaos-")
	require.NoError(t, err)
	c := &crew{T: t, place: p, dir: dir, binary: binary, random: random, tally: tally, arrives: make(chan struct{}, 1)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the registers, the journals and the workers' logs are in %s", dir)
		} else {
			require.NoError(t, os.RemoveAll(dir))
		}
	})
	if p.service != "" {
		c.store = emulated.Make(t, p.service).URL + p.query
	}
	t.Cleanup(c.end)
	return c
}

// enlist starts the workers. Every other one is careless.
func (c *crew) enlist() {
	for i := range c.workers {
		c.nodes = append(c.nodes, c.newNode(string(rune('a'+i)), i%2 == 1))
		c.start(c.nodes[i])
	}
}

func (c *crew) newNode(name string, careless bool) *node {
	if c.service == "" {
		m := newMount(c.T, c.dir, name)
		return &node{name: name, careless: careless, url: m.url(), line: m}
	}
	proxy := emulator.Proxy(c.T, c.service)
	return &node{name: name, careless: careless, url: c.store, line: proxy, proxy: proxy}
}

func (c *crew) file(name string) string { return filepath.Join(c.dir, name) }

// start starts a process of the node.
func (c *crew) start(n *node) {
	log, err := os.OpenFile(c.file(n.name+".log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	require.NoError(c, err)
	defer log.Close()
	n.runs++
	p := &process{id: fmt.Sprintf("%s.%d", n.name, n.runs)}
	p.cmd = exec.Command(c.binary, append([]string{"-node", n.name, "-process", p.id, "-store", n.url, "-lease", c.length.String(),
		"-register", c.file("register"), "-journal", c.file("journal"), "-every", c.every.String(),
		fmt.Sprintf("-careless=%t", n.careless)}, c.flags...)...)
	p.cmd.Stderr = log
	p.cmd.Env = os.Environ()
	if n.proxy != nil {
		variable, value := emulator.At(c.service, n.proxy.URL())
		p.cmd.Env = append(p.cmd.Env, variable+"="+value)
	}
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(c, err)
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(c, err)
	require.NoError(c, startProcess(p.cmd))
	p.healed = Now()
	n.process = p
	c.reading.Go(func() { c.listen(n, p, stdout) })
}

// listen takes a process's messages. It never makes the process wait.
func (c *crew) listen(n *node, p *process, stdout io.Reader) {
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var m Message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			c.Errorf("%s says %q", p.id, lines.Text())
			continue
		}
		c.post(event{m, n, p})
	}
	_ = p.cmd.Wait() // ProcessState says how it ended
	c.post(event{Message{Did: Exits, At: Now()}, n, p})
}

func (c *crew) post(ev event) {
	c.mu.Lock()
	c.arrived = append(c.arrived, ev)
	c.mu.Unlock()
	select {
	case c.arrives <- struct{}{}:
	default:
	}
}

// await takes events until the condition holds, and reports whether it does so in time. It calls holds once before, and after
// each event.
func (c *crew) await(patience time.Duration, holds func(last event) bool) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	if holds(event{}) {
		return true
	}
	for {
		c.mu.Lock()
		arrived := c.arrived
		c.arrived = nil
		c.mu.Unlock()
		for i, ev := range arrived {
			c.saw(ev)
			if holds(ev) {
				c.mu.Lock()
				c.arrived = append(arrived[i+1:], c.arrived...)
				c.mu.Unlock()
				return true
			}
		}
		if len(arrived) > 0 {
			continue
		}
		select {
		case <-c.arrives:
		case <-timer.C:
			return false
		}
	}
}

// must waits as await does, and ends the test if the condition does not hold in time.
func (c *crew) must(what string, patience time.Duration, holds func(last event) bool) {
	c.Helper()
	if !c.await(patience, holds) {
		c.Fatalf("%s: not in %v", what, patience)
	}
}

// rest lets time pass.
func (c *crew) rest(d time.Duration) { c.await(max(d, 0), func(event) bool { return false }) }

// awaitExit waits for a process to end after it was asked to, and requires success.
func (c *crew) awaitExit(p *process) {
	c.must(p.id+" ends, as it was asked to", c.length+patience, func(event) bool { return p.ended })
	require.True(c, p.cmd.ProcessState.Success(), "%s ended: %s: see the log in %s", p.id, p.cmd.ProcessState, c.dir)
}

// end kills and awaits all processes, whatever has happened.
func (c *crew) end() {
	for _, n := range c.nodes {
		if n.process != nil {
			n.asked = true
			_ = n.cmd.Process.Kill() // it may have ended
		}
	}
	c.reading.Wait()
}

// saw notes what an event says about its process.
func (c *crew) saw(ev event) {
	p := ev.process
	switch ev.Did {
	case Renews, StandsBy:
		p.answered = ev.At
	case Fails:
		p.failed = ev.At
	case Refusal:
		c.tally.refusal()
	case Exits:
		p.ended = true
		if !p.asked {
			c.Fatalf("%s ended by itself, %s: see %s", p.id, p.cmd.ProcessState, c.file(ev.node.name+".log"))
		}
	}
	c.see(ev)
}

// dismiss ends all workers in an orderly way.
func (c *crew) dismiss() {
	for _, n := range c.nodes {
		n.asked = true
		require.NoError(c, n.cmd.Process.Signal(syscall.SIGTERM))
	}
	for _, n := range c.nodes {
		c.awaitExit(n.process)
	}
}

// judge reads the evidence of one register and its journal.
func (c *crew) judge(fenced, unfenced string, terms int) {
	reg, err := register.Open(c.file(fenced))
	require.NoError(c, err)
	defer reg.Close()
	writes, err := reg.Verify()
	require.NoError(c, err, fenced)
	journal, err := ReadJournal(c.file(unfenced))
	require.NoError(c, err, unfenced)
	c.tally.judged(writes, terms, journal)
}
