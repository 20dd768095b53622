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
	"slices"
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

// An election is a group of workers, each in its own process, on one lease. One goroutine runs it.
type election struct {
	*testing.T
	*place
	store  string // URL of the workers' store; "": each has a different one
	dir    string // of the register, the journal and the workers' logs
	binary string
	random *rand.Rand
	tally  *tally

	nodes  []*node
	ailing []*node // the nodes that this round disturbs
	leader began   // the newest term
	terms  []began // in the order in which they were reported

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

// began is the beginning of a term.
type began struct {
	node  *node
	token uint64
	at    time.Duration
}

// An event is a message of a process.
type event struct {
	Message
	node    *node
	process *process
}

func newElection(t *testing.T, p *place, binary string, random *rand.Rand, tally *tally) *election {
	dir, err := os.MkdirTemp("", "leader-chaos-")
	require.NoError(t, err)
	e := &election{T: t, place: p, dir: dir, binary: binary, random: random, tally: tally, arrives: make(chan struct{}, 1)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the register, the journal and the workers' logs are in %s", dir)
		} else {
			require.NoError(t, os.RemoveAll(dir))
		}
	})
	require.NoError(t, register.Create(e.file("register")))
	if p.service != "" {
		e.store = emulated.Make(t, p.service).URL + p.query
	}
	t.Cleanup(e.end)
	for i := range p.workers {
		e.nodes = append(e.nodes, e.newNode(string(rune('a'+i)), i%2 == 1))
		e.start(e.nodes[i])
	}
	return e
}

func (e *election) newNode(name string, careless bool) *node {
	if e.service == "" {
		m := newMount(e.T, e.dir, name)
		return &node{name: name, careless: careless, url: m.url(), line: m}
	}
	proxy := emulator.Proxy(e.T, e.service)
	return &node{name: name, careless: careless, url: e.store, line: proxy, proxy: proxy}
}

func (e *election) file(name string) string { return filepath.Join(e.dir, name) }

// start starts a process of the node.
func (e *election) start(n *node) {
	log, err := os.OpenFile(e.file(n.name+".log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	require.NoError(e, err)
	defer log.Close()
	n.runs++
	p := &process{id: fmt.Sprintf("%s.%d", n.name, n.runs)}
	p.cmd = exec.Command(e.binary, "-node", n.name, "-process", p.id, "-store", n.url, "-lease", e.length.String(),
		"-register", e.file("register"), "-journal", e.file("journal"), "-every", e.every.String(),
		fmt.Sprintf("-careless=%t", n.careless))
	p.cmd.Stderr = log
	p.cmd.Env = os.Environ()
	if n.proxy != nil {
		variable, value := emulator.At(e.service, n.proxy.URL())
		p.cmd.Env = append(p.cmd.Env, variable+"="+value)
	}
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(e, err)
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(e, err)
	require.NoError(e, startProcess(p.cmd))
	p.healed = Now()
	n.process = p
	e.reading.Go(func() { e.listen(n, p, stdout) })
}

// listen takes a process's messages. It never makes the process wait.
func (e *election) listen(n *node, p *process, stdout io.Reader) {
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var m Message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			e.Errorf("%s says %q", p.id, lines.Text())
			continue
		}
		e.post(event{m, n, p})
	}
	_ = p.cmd.Wait() // ProcessState says how it ended
	e.post(event{Message{Did: Exits, At: Now()}, n, p})
}

func (e *election) post(ev event) {
	e.mu.Lock()
	e.arrived = append(e.arrived, ev)
	e.mu.Unlock()
	select {
	case e.arrives <- struct{}{}:
	default:
	}
}

// await takes events until the condition holds, and reports whether it does so in time. It calls holds once before, and after
// each event.
func (e *election) await(patience time.Duration, holds func(last event) bool) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	if holds(event{}) {
		return true
	}
	for {
		e.mu.Lock()
		arrived := e.arrived
		e.arrived = nil
		e.mu.Unlock()
		for i, ev := range arrived {
			e.see(ev)
			if holds(ev) {
				e.mu.Lock()
				e.arrived = append(arrived[i+1:], e.arrived...)
				e.mu.Unlock()
				return true
			}
		}
		if len(arrived) > 0 {
			continue
		}
		select {
		case <-e.arrives:
		case <-timer.C:
			return false
		}
	}
}

// must waits as await does, and ends the test if the condition does not hold in time.
func (e *election) must(what string, patience time.Duration, holds func(last event) bool) {
	e.Helper()
	if !e.await(patience, holds) {
		e.Fatalf("%s: not in %v", what, patience)
	}
}

// rest lets time pass.
func (e *election) rest(d time.Duration) { e.await(max(d, 0), func(event) bool { return false }) }

func (e *election) see(ev event) {
	p := ev.process
	switch ev.Did {
	case Leads:
		p.leads, p.answered = ev.Token, ev.At
		if i := slices.IndexFunc(e.terms, func(b began) bool { return b.token == ev.Token }); i >= 0 {
			e.Fatalf("S2: %s and then %s led with token %d", e.terms[i].node.name, p.id, ev.Token)
		}
		b := began{ev.node, ev.Token, ev.At}
		e.terms = append(e.terms, b)
		if ev.Token > e.leader.token {
			e.leader = b
		}
	case Renews, StandsBy:
		p.answered = ev.At
	case Fails:
		p.failed = ev.At
	case Refusal:
		e.tally.refusal()
	case Stops, Returns:
		if p.leads == ev.Token { // an observer may report this after the next term has begun
			p.leads = 0
		}
	case Exits:
		p.leads, p.ended = 0, true
		if !p.asked {
			e.Fatalf("%s ended by itself, %s: see %s", p.id, p.cmd.ProcessState, e.file(ev.node.name+".log"))
		}
	}
}

// settle waits until all is well: one node leads, and each has heard from the store since its last fault.
func (e *election) settle() {
	e.rest(0)
	e.must("everybody is well after what was done to them", 2*e.length+patience, func(event) bool {
		for _, n := range e.nodes {
			if n.answered <= n.healed {
				return false
			}
		}
		return e.leader.node != nil && e.leader.node.leads == e.leader.token
	})
}

// judge ends all workers in an orderly way, and reads the evidence.
func (e *election) judge() {
	e.settle() // a worker that has only just started would miss the signal
	for _, n := range e.nodes {
		n.asked = true
		require.NoError(e, n.cmd.Process.Signal(syscall.SIGTERM))
	}
	for _, n := range e.nodes {
		e.awaitExit(n.process)
	}
	reg, err := register.Open(e.file("register"))
	require.NoError(e, err)
	defer reg.Close()
	writes, err := reg.Verify()
	require.NoError(e, err)
	journal, err := ReadJournal(e.file("journal"))
	require.NoError(e, err)
	e.tally.judged(writes, len(e.terms), journal)
}

// awaitExit waits for a process to end after it was asked to, and requires success.
func (e *election) awaitExit(p *process) {
	e.must(p.id+" ends, as it was asked to", e.length+patience, func(event) bool { return p.ended })
	require.True(e, p.cmd.ProcessState.Success(), "%s ended: %s: see the log in %s", p.id, p.cmd.ProcessState, e.dir)
}

// end kills and awaits all processes, whatever has happened.
func (e *election) end() {
	for _, n := range e.nodes {
		if n.process != nil {
			n.asked = true
			_ = n.cmd.Process.Kill() // it may have ended
		}
	}
	e.reading.Wait()
}
