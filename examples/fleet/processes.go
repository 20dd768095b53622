package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// A site has the nodes, each a separate process, and their files: leases, journals and logs. Use it from one goroutine.
type site struct {
	dir    string
	length time.Duration // of the leases
	every  time.Duration // a line is written to each journal
	parts  int

	events  chan event
	closed  chan struct{}
	reading sync.WaitGroup
	nodes   map[string]*process
}

// A process is a node's.
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

func newSite(dir string, length time.Duration, parts int) (*site, error) {
	s := &site{
		dir: dir, length: length, every: length / 10, parts: parts,
		events: make(chan event, 64), closed: make(chan struct{}), nodes: map[string]*process{},
	}
	return s, os.Mkdir(s.journals(), 0o700)
}

func (s *site) journals() string           { return filepath.Join(s.dir, "journals") }
func (s *site) journal(part string) string { return filepath.Join(s.journals(), part) }
func (s *site) leases() string             { return filepath.Join(s.dir, "leases") }

// store returns the URL of the lease store.
func (s *site) store() string {
	path := filepath.ToSlash(s.leases())
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/dir
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// start runs this program once more, as a node. Its log goes to a file.
func (s *site) start(node string) (pid int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	log, err := os.OpenFile(filepath.Join(s.dir, node+".log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	cmd := exec.Command(self, "node", "-id", node, "-store", s.store(), "-journals", s.journals(), "-parts", strconv.Itoa(s.parts),
		"-lease", s.length.String(), "-every", s.every.String())
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
	s.nodes[node] = p
	s.reading.Go(func() { s.listen(p, stdout) })
	return cmd.Process.Pid, nil
}

// listen passes on a node's messages, and the end of its process.
func (s *site) listen(p *process, stdout io.Reader) {
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			m = message{Did: "says", Why: lines.Text()} // a crash, say
		}
		s.send(p, m)
	}
	_ = p.cmd.Wait() // how it ended is in ProcessState
	s.send(p, message{Did: exited, Why: p.cmd.ProcessState.String()})
}

func (s *site) send(p *process, m message) {
	select {
	case s.events <- event{message: m, Node: p.node, At: time.Now(), process: p}:
	case <-s.closed:
	}
}

// await takes events as they come, shows each to the observer, and returns once done says so. A node that ends before it was asked
// to is an error.
func (s *site) await(ctx context.Context, observe func(event), done func(event) bool) error {
	for {
		select {
		case e := <-s.events:
			observe(e)
			if done(e) {
				return nil
			}
			if e.Did == exited && !e.process.asked {
				return fmt.Errorf("node %s ended by itself: %s: see %s", e.Node, e.Why, filepath.Join(s.dir, e.Node+".log"))
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// kill ends a node's process, as a crash does.
func (s *site) kill(node string) error {
	p := s.nodes[node]
	p.asked = true
	return p.cmd.Process.Kill()
}

// stop asks a node to end: by SIGTERM, or where there is none, by closing its standard input.
func (s *site) stop(node string) error {
	p := s.nodes[node]
	p.asked = true
	if p.cmd.Process.Signal(syscall.SIGTERM) == nil {
		return nil
	}
	return p.stdin.Close()
}

// suspend stops a node's process between two writes. One that is suspended within a write keeps the lock of a lease's file, or of a
// journal's, and everybody would wait for it: then it is let go on, and suspended anew.
func (s *site) suspend(node string) error {
	for {
		if err := suspendProcess(s.nodes[node].cmd.Process); err != nil {
			return err
		}
		free, err := s.unlocked()
		if err != nil || free {
			return err
		}
		if err := s.resume(node); err != nil {
			return err
		}
	}
}

func (s *site) resume(node string) error { return resumeProcess(s.nodes[node].cmd.Process) }

// unlocked reports whether each lock can be had soon.
func (s *site) unlocked() (bool, error) {
	leases, err1 := filepath.Glob(filepath.Join(s.leases(), "*.lock"))
	journals, err2 := filepath.Glob(filepath.Join(s.journals(), "*.lock"))
	if err := errors.Join(err1, err2); err != nil {
		return false, err
	}
	for _, path := range slices.Concat(leases, journals) {
		lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
		ctx, cancel := context.WithTimeout(context.Background(), s.length/4)
		free, err := lock.TryLockContext(ctx, time.Millisecond)
		cancel()
		_ = lock.Close()
		if !free && !errors.Is(err, context.DeadlineExceeded) {
			return false, err
		}
		if !free {
			return false, nil
		}
	}
	return true, nil
}

// close stops every node that still runs, and kills nodes that take longer than the patience. When it returns, no process is left.
func (s *site) close(patience time.Duration) {
	for node := range s.nodes {
		_ = s.resume(node) // a suspended process would not notice
		_ = s.stop(node)
	}
	close(s.closed)
	late := time.AfterFunc(patience, func() {
		for _, p := range s.nodes {
			_ = p.cmd.Process.Kill()
		}
	})
	defer late.Stop()
	s.reading.Wait()
}
