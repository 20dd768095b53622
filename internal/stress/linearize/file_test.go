package linearize

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

// The store in files has no network to break. Its clients are processes: this test binary, run again. They are killed in the
// middle of a call, and the contexts of their calls end early.

const dirEnv = "LINEARIZE_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(dirEnv); dir != "" {
		serve(file.NewStore(dir), os.Stdin, os.Stdout)
		return
	}
	os.Exit(m.Run())
}

// An order tells a process to make a call: a Swap if there is Data, else a Load.
type order struct {
	Name string
	Old  lease.Version
	Data []byte
	Wait time.Duration // until the call's context ends
}

// A report is the result of an order.
type report struct {
	Snapshot lease.Snapshot // of a Swap, only the version
	Conflict bool
	Error    string
}

// serve carries orders out, one after the other.
func serve(s lease.Store, in io.Reader, out io.Writer) {
	for orders, reports := json.NewDecoder(in), json.NewEncoder(out); ; {
		var o order
		if orders.Decode(&o) != nil {
			return
		}
		var r report
		var err error
		ctx, cancel := context.WithTimeout(context.Background(), o.Wait)
		if o.Data == nil {
			r.Snapshot, err = s.Load(ctx, o.Name)
		} else {
			r.Snapshot.Version, err = s.Swap(ctx, o.Name, o.Old, o.Data)
		}
		cancel()
		if err != nil {
			r.Conflict, r.Error = errors.Is(err, lease.ErrConflict), err.Error()
		}
		if reports.Encode(r) != nil {
			return
		}
	}
}

// A process is a lease.Store in another process, which is started when needed. Its clients make one call at a time.
type process struct {
	t       testing.TB
	dir     string
	killIn  time.Duration // how soon to kill it during the next call; 0: not at all
	cmd     *exec.Cmd     // nil: none runs
	orders  *json.Encoder
	reports *json.Decoder
	killed  int
}

func (p *process) start() error {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", dirEnv+"="+p.dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.orders, p.reports = cmd, json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out))
	return nil
}

func (p *process) stop() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		p.cmd = nil
	}
}

func (p *process) do(ctx context.Context, o order) (r report, err error) {
	if p.cmd == nil {
		if err := p.start(); err != nil {
			p.t.Errorf("start a process: %v", err)
			return r, err
		}
	}
	deadline, _ := ctx.Deadline()
	o.Wait = time.Until(deadline)
	kill, why := 10*time.Second, "it hangs" // the context has ended by then, so a store that still waits is broken
	if p.killIn > 0 {
		kill, why, p.killIn = p.killIn, "", 0
	}
	running := p.cmd.Process
	timer := time.AfterFunc(kill, func() { _ = running.Kill() })
	err = p.orders.Encode(o)
	if err == nil {
		err = p.reports.Decode(&r)
	}
	if killed := !timer.Stop(); killed || err != nil {
		p.stop()
		if why != "" {
			p.t.Errorf("the process was killed in %q, because %s: %v", o.Name, why, err)
		}
		p.killed++
	}
	switch {
	case err != nil:
		return r, fmt.Errorf("the process was killed: %w", err)
	case r.Conflict:
		return r, fmt.Errorf("%w: %s", lease.ErrConflict, r.Error)
	case r.Error != "":
		return r, errors.New(r.Error)
	}
	return r, nil
}

func (p *process) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	r, err := p.do(ctx, order{Name: name})
	return r.Snapshot, err
}

func (p *process) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	r, err := p.do(ctx, order{Name: name, Old: old, Data: data})
	return r.Snapshot.Version, err
}

func (p *process) disturb() { p.killIn = time.Duration(1 + rand.Int64N(int64(4*time.Millisecond))) }

func (p *process) heal() { p.killIn = 0 }

func (p *process) faults() int { return p.killed }

// fileService is a directory, with processes as clients.
func fileService(t testing.TB) service {
	dir := t.TempDir()
	return service{length: time.Second, span: 4 * time.Second, disturbs: time.Second, connect: func(t testing.TB, _ int) connection {
		p := &process{t: t, dir: dir}
		require.NoError(t, p.start())
		t.Cleanup(p.stop)
		return connection{Store: p, Manager: lease.NewManager(p), faulty: p}
	}}
}
