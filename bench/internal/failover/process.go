package failover

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/cloudlease/leader/bench/internal/failover/candidate"
	"github.com/cloudlease/leader/bench/internal/peer"
)

// A process is a candidate that was started. Only its group changes it, as events come.
type process struct {
	node string
	cmd  *exec.Cmd
	hold io.Closer // its standard input: it ends when this is closed
	said bytes.Buffer

	renewal  bool          // one is in flight
	sent     time.Duration // when the latest request to acquire or renew was sent
	renewed  time.Duration // when the latest one that succeeded was sent
	began    time.Duration // when its work began
	leads    bool
	stopped  time.Duration // when its work ended
	released time.Duration // when it released the lease; 0: it has not
	ending   bool          // it was told to end, or was killed
	ended    bool          // it is gone, and all of its lines have been read
	status   int           // once it has ended
}

// An event is a line of a process, or its end.
type event struct {
	of *process
	candidate.Line
	ended bool
}

// launch starts a candidate. Its lines become events, and so does its end, after them.
func launch(program, node string, events chan<- event, args ...string) (*process, error) {
	p := &process{node: node, cmd: exec.Command(program, append(args, "-node", node)...)}
	p.cmd.Stderr = &p.said
	hold, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.hold = hold
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a candidate: %w", err)
	}
	go func() { // it ends with the process; the group takes events until then
		for lines := bufio.NewScanner(out); lines.Scan(); {
			l, err := candidate.Parse(lines.Text())
			if err != nil {
				continue // a line that was cut off by the kill
			}
			events <- event{of: p, Line: l}
		}
		_ = p.cmd.Wait()
		events <- event{of: p, Line: candidate.Line{At: candidate.Now()}, ended: true}
	}()
	return p, nil
}

// take notes an event of the process.
func (p *process) take(e event) {
	switch {
	case e.ended:
		p.ended, p.leads, p.status = true, false, p.cmd.ProcessState.ExitCode()
	case e.Moment == peer.Renewing:
		p.renewal, p.sent = true, e.At
	case e.Moment == peer.Renewed:
		p.renewal, p.renewed = false, p.sent
	case e.Moment == peer.Failed:
		p.renewal = false
	case e.Moment == peer.Started:
		p.leads, p.began, p.released = true, e.At, 0
	case e.Moment == peer.Stopped:
		p.leads, p.stopped = false, e.At
	case e.Moment == peer.Released:
		p.released = e.At
	}
}

// problem says how a process ended that was not told to.
func (p *process) problem() string {
	said := strings.TrimSpace(p.said.String())
	if len(said) > 300 {
		said = said[len(said)-300:]
	}
	return fmt.Sprintf("%s ended by itself (%v): %s", p.node, p.cmd.ProcessState, said)
}
