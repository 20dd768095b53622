package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A simCell is one cell of a simulated world's store.
type simCell struct {
	data    string
	record  simRecord
	version int
	written time.Time
	by      *simProcess
}

// A simRecord is a record as the world reads it.
type simRecord struct {
	Token    uint64 `json:"token"`
	ID       string `json:"id"`
	Released bool   `json:"released"`
	Broken   bool   `json:"broken"`
	Value    string `json:"value"`
}

func readSim(data string) (r simRecord) {
	_ = json.Unmarshal([]byte(data), &r)
	return r
}

func (w *world) load(name string) lease.Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	c := w.cells[name]
	if c == nil {
		return lease.Snapshot{}
	}
	s := lease.Snapshot{Data: []byte(c.data), Version: lease.Version(strconv.Itoa(c.version))}
	if w.ages {
		s.Age = max(time.Since(c.written)-w.length/10, 1)
	}
	return s
}

func (w *world) swap(p *simProcess, name string, old lease.Version, data string) (lease.Version, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes++
	c := w.cells[name]
	if c == nil {
		c = &simCell{}
	}
	now := ""
	if c.version > 0 {
		now = strconv.Itoa(c.version)
	}
	if now != string(old) {
		return "", lease.ErrConflict
	}
	record := readSim(data)
	w.judgeWrite(p, name, c.record, record)
	w.judgeWriteEvery(p, name, c)
	w.versions++
	w.cells[name] = &simCell{data: data, record: record, version: w.versions, written: time.Now(), by: p}
	return lease.Version(strconv.Itoa(w.versions)), nil
}

// judgeWrite checks what a write does: no seat is released while a work of its session runs, and no epoch is two plans (F4).
func (w *world) judgeWrite(p *simProcess, name string, was, is simRecord) {
	if strings.Contains(name, "/seats/") {
		if is.Released && was.ID == is.ID {
			for part, works := range w.works {
				for _, v := range works {
					if v.p == p && v.seat == name && v.seatToken == is.Token {
						w.breaks("FS3: %s releases %s, token %d, while its work on part %s runs", p.name, name, is.Token, part)
					}
				}
			}
		}
		return
	}
	if is.Value == was.Value {
		return
	}
	epoch, ok := planEpoch(is.Value)
	if !ok {
		return
	}
	if before, _ := planEpoch(was.Value); epoch < before {
		w.breaks("F4: %s takes the plan from epoch %d back to %d", p.name, before, epoch)
	}
	if other, known := w.plans[epoch]; known && other != is.Value {
		w.breaks("F4: epoch %d is two plans: %s writes another", epoch, p.name)
	}
	if _, known := w.plans[epoch]; !known && w.told {
		if now, err := decodePlan(is.Value); err == nil {
			w.say("%s stores plan %d: %s", p.name, epoch, tellPlan(now))
		}
	}
	w.plans[epoch] = is.Value
}

// judgeWriteEvery checks, when all is well, that a process writes to a lease no more often than the store allows. Of two requests, the second
// may travel faster.
func (w *world) judgeWriteEvery(p *simProcess, name string, was *simCell) {
	if w.rests.IsZero() || was.by != p || was.written.Before(w.rests) {
		return
	}
	if since := time.Since(was.written); since < time.Duration(float64(w.seldom)/1.05)-mostLag {
		w.breaks("WriteEvery: %s writes to %s %v after its last write, and the limit is %v", p.name, name, since, w.seldom)
	}
}

func tellPlan(p *plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "width %d, seated %v:", p.Width, p.Seated)
	for _, e := range p.Parts {
		fmt.Fprintf(&b, " %s=%v#%d", e.Part, e.Owner, e.Token)
		if !e.From.nobody() {
			fmt.Fprintf(&b, "<%v", e.From)
		}
	}
	return b.String()
}

// A simLink is a process's way to the store, on which requests are lost, late and repeated.
type simLink struct{ p *simProcess }

// Limits implements lease.Limiter.
func (l simLink) Limits() lease.Limits { return lease.Limits{WriteEvery: l.p.w.seldom} }

// mostLag is how long a request or an answer travels at most when all is well.
const mostLag = 40 * time.Millisecond

var errSimLost = errors.New("the connection broke")

// A simFate says what happens to a request.
type simFate struct {
	arrivals []time.Duration // when it reaches the store; none: it is lost
	back     time.Duration   // how long the answer takes; negative: it is lost
	deaf     time.Duration   // for how long the sender does not heed its context
}

func (p *simProcess) fate() simFate {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	lag := func() time.Duration { return w.upTo(mostLag) }
	f := simFate{arrivals: []time.Duration{lag()}, back: lag()}
	odds := w.fault
	if p.cut {
		odds = 0.7
	}
	if w.calm {
		odds = 0
	}
	if w.rng.Float64() < odds {
		switch w.rng.IntN(6) {
		case 0:
			f.arrivals = nil
		case 1:
			f.back = -1
		case 2:
			f.arrivals = []time.Duration{w.upTo(w.lateMost)}
		case 3:
			f.back = w.upTo(w.lateMost)
		case 4:
			f.arrivals, f.back = []time.Duration{w.upTo(w.lateMost)}, w.upTo(w.interval)
		case 5:
			f.arrivals = append(f.arrivals, f.arrivals[0]+lag()) // the client's second attempt
		}
	}
	if !w.calm && w.rng.Float64() < 0.05 {
		f.deaf = w.upTo(3 * w.length)
	}
	return f
}

func (l simLink) do(ctx context.Context, send func() func()) error {
	p, w := l.p, l.p.w
	if !p.awake() {
		return errSimLost
	}
	f := p.fate()
	if back, ok := ctx.Value(slowly{}).(time.Duration); ok {
		f = simFate{arrivals: f.arrivals, back: back}
	}
	answers := make(chan func(), len(f.arrivals))
	for _, after := range f.arrivals {
		time.AfterFunc(after, func() {
			if w.isOver() {
				return
			}
			answer := send()
			if f.back >= 0 {
				time.AfterFunc(f.back, func() { answers <- answer })
			}
		})
	}
	ended := ctx.Done()
	var deaf <-chan time.Time
	if f.deaf > 0 {
		ended, deaf = nil, time.After(f.deaf)
	}
	for n := len(f.arrivals); ; {
		select {
		case answer := <-answers:
			if n--; n > 0 {
				continue // the client's library returns the answer to its last attempt
			}
			if !p.awake() {
				return errSimLost
			}
			answer()
			return nil
		case <-deaf:
			deaf, ended = nil, ctx.Done()
		case <-ended:
			if !p.awake() {
				return errSimLost
			}
			return context.Cause(ctx)
		case <-w.over:
			return errSimLost
		}
	}
}

// Load reads a cell.
func (l simLink) Load(ctx context.Context, name string) (s lease.Snapshot, err error) {
	lost := l.do(ctx, func() func() {
		got := l.p.w.load(name)
		return func() { s = got }
	})
	return s, lost
}

// Swap writes a cell.
func (l simLink) Swap(ctx context.Context, name string, old lease.Version, data []byte) (v lease.Version, err error) {
	text := string(data)
	lost := l.do(ctx, func() func() {
		version, conflict := l.p.w.swap(l.p, name, old, text)
		return func() { v, err = version, conflict }
	})
	return v, errors.Join(lost, err)
}
