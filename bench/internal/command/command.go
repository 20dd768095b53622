// Package command measures how long no program runs after leader run was killed: its guard ends the program and gives the
// lease back, so that the next node need not wait until the lease runs out.
package command

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options say what to measure. Zero values stand for defaults.
type Options struct {
	Kills int                           // on each store; 0: 30
	Log   func(format string, a ...any) // progress; nil: none
	Root  string                        // the repository; "" is the directory above the working directory
	open  func(dir string) []place      // the stores; nil: all
}

// A place is a store that leader run is measured on.
type place struct{ name, url string }

// A Result is all that was measured, with the defaults of leader run.
type Result struct {
	Length       float64 `json:"length"`        // of the lease, in seconds
	AcquireEvery float64 `json:"acquire_every"` // seconds
	Stores       []Store `json:"stores"`
}

// A Store has the results on one store.
type Store struct {
	Name string    `json:"name"`
	Took []float64 `json:"took"` // seconds from each kill of leader until the next node's program ran
}

// patience bounds the wait for one takeover: two leases, and what a busy machine needs.
const patience = time.Minute

// emulated are the stores of the emulators that the environment names, and a directory.
func emulated(dir string) []place {
	name := "leader-bench-" + strings.ToLower(rand.Text())
	return []place{
		{"DynamoDB", "dynamodb://" + name + "?age=true"}, {"S3", "s3://" + name + "?age=true"}, {"GCS", "gs://" + name + "?age=true"},
		{"Azure Blob", "azblob:///" + name}, {"a directory", "file:" + filepath.Join(dir, "leases")},
	}
}

// Measure builds the command, and kills it on all stores side by side. It needs the emulators.
func Measure(ctx context.Context, o Options) (Result, error) {
	if o.Kills <= 0 {
		o.Kills = 30
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.Root == "" {
		o.Root = ".."
	}
	if o.open == nil {
		o.open = emulated
	}
	dir, err := os.MkdirTemp("", "leader-command-")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "leader")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/leader")
	build.Dir = o.Root
	if out, err := build.CombinedOutput(); err != nil {
		return Result{}, fmt.Errorf("build leader: %w\n%s", err, out)
	}
	all := o.open(dir)
	r := Result{Length: 15, AcquireEvery: 5, Stores: make([]Store, len(all))}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	for i, p := range all {
		running.Go(func() {
			took, err := measure(ctx, binary, p, o)
			if err != nil {
				cancel(fmt.Errorf("on %s: %w", p.name, err)) // the first one ends the others
			}
			r.Stores[i] = Store{Name: p.name, Took: took}
		})
	}
	running.Wait()
	return r, context.Cause(ctx)
}

// measure has two nodes on one store: it kills the one that leads, at a random moment of the other's acquire interval, and starts it
// again.
func measure(ctx context.Context, binary string, p place, o Options) (took []float64, err error) {
	place := exec.CommandContext(ctx, binary, "init", "--store", p.url)
	place.Env = append(os.Environ(), "GOOGLE_CLOUD_PROJECT=bench") // which a bucket of the emulator belongs to
	if out, err := place.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("leader init: %w\n%s", err, out)
	}
	leads, err := start(ctx, binary, p.url)
	if err != nil {
		return nil, err
	}
	defer func() { leads.end() }()
	if _, err := leads.runs(ctx); err != nil {
		return nil, err
	}
	for n := range o.Kills {
		waits, err := start(ctx, binary, p.url)
		if err != nil {
			return nil, err
		}
		select { // until it stands by, and renewals and polls have any phase
		case <-time.After(2*time.Second + time.Duration(mathrand.Int64N(int64(5*time.Second)))):
		case <-ctx.Done():
			waits.end()
			return nil, ctx.Err()
		}
		killed := time.Now()
		if err := leads.cmd.Process.Kill(); err != nil {
			waits.end()
			return nil, err
		}
		ran, err := waits.runs(ctx)
		leads.end()
		leads = waits
		if err != nil {
			return nil, err
		}
		took = append(took, ran.Sub(killed).Seconds())
		o.Log("%s: %d of %d", p.name, n+1, o.Kills)
	}
	return took, nil
}

// A node is one leader run, whose program prints a line when it runs.
type node struct {
	cmd  *exec.Cmd
	out  *os.File
	ran  chan time.Time
	said *strings.Builder
	over chan struct{} // closed when nothing of it is left
}

func start(ctx context.Context, binary, url string) (*node, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	n := &node{out: out, ran: make(chan time.Time, 1), said: &strings.Builder{}, over: make(chan struct{})}
	n.cmd = exec.Command(binary, "run", "--store", url, "--name", "bench", "--", "sh", "-c", "echo runs; exec sleep 1000000")
	n.cmd.Stdout, n.cmd.Stderr = in, in
	if err := n.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start leader run: %w", err)
	}
	go n.listen(out)
	return n, context.Cause(ctx)
}

// listen notes when the program runs, and reads until leader, its guard and the program have ended.
func (n *node) listen(out io.Reader) {
	defer close(n.over)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "runs" {
			n.ran <- time.Now()
			continue
		}
		fmt.Fprintln(n.said, lines.Text())
	}
}

// runs waits until the node's program runs, and returns when that was.
func (n *node) runs(ctx context.Context) (time.Time, error) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case at := <-n.ran:
		return at, nil
	case <-n.over:
		return time.Time{}, fmt.Errorf("leader run has ended:\n%s", n.said)
	case <-limit.C:
		return time.Time{}, fmt.Errorf("no program runs %v after the kill", patience)
	case <-ctx.Done():
		return time.Time{}, context.Cause(ctx)
	}
}

// end asks leader to end, if it lives, and waits until nothing of it is left.
func (n *node) end() {
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.over:
	case <-time.After(patience):
		_ = n.cmd.Process.Kill()
	}
	_ = n.cmd.Wait()
	_ = n.out.Close()
}
