package linearize

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// A chain is a history of one lease's value: as the plan of a fleet, each value is made from the one that its leader has set last, or
// has inherited. Here a value is the labels of all values before it, and a label for itself. So what a value was made from is its
// beginning, and two values that are no beginning of each other are a fork.
type chain = History[string]

// extend is the effect of a write: the state becomes the value that was made from it. A late write of an older value changes nothing (V3).
func extend(value string) func(string) (string, bool) {
	return func(s string) (string, bool) {
		switch {
		case strings.HasPrefix(value, s):
			return value, true
		case strings.HasPrefix(s, value):
			return s, true
		}
		return s, false
	}
}

// showsValue is the effect of a look: it changes nothing.
func showsValue(value string) func(string) (string, bool) {
	return func(s string) (string, bool) { return s, s == value }
}

// A chronicler is a leader's manager, and records what each answer says about the value.
type chronicler struct {
	lease.Manager
	chain  *chain
	faulty faulty
	turn   *sync.Mutex // a connection of these tests carries one request at a time
	late   *lateness   // of renewals; nil: there is none
}

// A lateness is the way of renewals that arrive late.
type lateness struct {
	way *chronicler

	mu      sync.Mutex
	timers  []*time.Timer
	pending sync.WaitGroup // one for each timer that was not stopped, until its call has returned
}

// after calls do later, unless that ends before.
func (l *lateness) after(d time.Duration, do func(*chronicler)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending.Add(1)
	l.timers = append(l.timers, time.AfterFunc(d, func() {
		defer l.pending.Done()
		do(l.way)
	}))
}

// end waits for the calls that have begun. No other one begins.
func (l *lateness) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.timers {
		if t.Stop() {
			l.pending.Done()
		}
	}
	l.pending.Wait()
}

func (s service) chronicler(t *testing.T, h *chain, n int) *chronicler {
	own := s.connect(t, n)
	return &chronicler{Manager: own.Manager, chain: h, faulty: own.faulty, turn: &sync.Mutex{}}
}

func (c *chronicler) Unwrap() lease.Manager { return c.Manager }

// add records a call. Renewals may overlap, so each call has a row for itself.
func (c *chronicler) add(name, text string, start time.Duration, sure bool, is func(string) (string, bool)) {
	all := []effect[string]{{text, is}}
	sent := call[string]{client: c.chain.row(), name: name, text: text, start: start, end: c.chain.now()}
	if sure {
		sent.answered = all
	}
	sent.unanswered = all
	c.chain.add(sent)
}

// wait waits for the connection. It returns when the call began, and what ends it. Now and then the connection breaks.
func (c *chronicler) wait() (start time.Duration, done func()) {
	c.turn.Lock()
	c.faulty.heal()
	if rand.Float64() < disturbed {
		c.faulty.disturb()
	}
	return c.chain.now(), c.turn.Unlock
}

func (c *chronicler) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	start, done := c.wait()
	defer done()
	got, err := c.Manager.Acquire(ctx, req)
	if err == nil {
		c.chain.count("acquisitions")
		c.add(req.Name, fmt.Sprintf("Acquire as %s = %q, token %d", req.Holder, got.Value, got.Token), start, true, showsValue(got.Value))
	} else if held, ok := errors.AsType[*lease.HeldError](err); ok && held.Info.Token > 0 {
		c.add(req.Name, fmt.Sprintf("Acquire as %s = refused, there is %q", req.Holder, held.Info.Value), start, true, showsValue(held.Info.Value))
	}
	return got, err
}

// Renew renews, and now and then once more after a while, as a request does that its sender has given up, and that arrives.
func (c *chronicler) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	if rand.IntN(3) == 0 {
		c.chain.count("late renewals")
		c.late.after(rand.N(held.Length*2/3), func(way *chronicler) {
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), held.Length)
			defer cancel()
			_, _ = way.renew(late, held)
		})
	}
	return c.renew(ctx, held)
}

func (c *chronicler) renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	start, done := c.wait()
	defer done()
	got, err := c.Manager.Renew(ctx, held)
	stored := err == nil && got.Value == held.Value
	c.add(held.Name, fmt.Sprintf("Renew as %s with %q = %v", held.Holder, held.Value, err), start, stored, extend(held.Value))
	if err == nil && !stored {
		c.chain.count(foundNewer)
		c.add(held.Name, fmt.Sprintf("Renew as %s = there is %q", held.Holder, got.Value), start, true, showsValue(got.Value))
	}
	return got, err
}

func (c *chronicler) Release(ctx context.Context, held lease.Lease) error {
	start, done := c.wait()
	defer done()
	err := c.Manager.Release(ctx, held)
	c.add(held.Name, fmt.Sprintf("Release as %s with %q = %v", held.Holder, held.Value, err), start, err == nil, extend(held.Value))
	return err
}

// publish is the work of a coordinator: it sets one value after another.
func (c *chronicler) publish(ctx context.Context, holder, name string) error {
	for n := 1; ctx.Err() == nil; n++ {
		term, _ := leader.TermFrom(ctx)
		next := strings.TrimSpace(fmt.Sprintf("%s %s%d.%d", leader.Value(ctx), holder, term.Token(), n))
		start := c.chain.now()
		sending, cancel := context.WithTimeout(ctx, rand.N(2*time.Second))
		err := leader.SetValue(sending, next)
		cancel()
		if err == nil {
			c.chain.count("values acknowledged")
			c.add(name, fmt.Sprintf("SetValue as %s of %q = <nil>", holder, next), start, true, func(s string) (string, bool) { return s, strings.HasPrefix(s, next) })
		}
		select {
		case <-time.After(rand.N(200 * time.Millisecond)):
		case <-ctx.Done():
		}
	}
	return nil
}

// coordinate comes and goes, until enough has happened.
func (c *chronicler) coordinate(t *testing.T, length time.Duration, holder, name string, goOn func() bool) {
	for goOn() {
		ctx, cancel := context.WithTimeout(context.Background(), length/4+rand.N(length*3/2))
		err := leader.New(
			leader.WithLeaseManager(c), leader.WithLeaseName(name), leader.WithNodeID(holder), leader.WithLeaseLength(length),
			leader.WithLogger(slog.New(slog.DiscardHandler)),
			leader.WhenStarted(func(ctx context.Context) error { return c.publish(ctx, holder, name) }),
		).Run(ctx)
		cancel()
		assert.NoError(t, err)
	}
}

// breakNowAndThen breaks the lease of the one that has it.
func breakNowAndThen(ctx context.Context, h *chain, m lease.Manager, length time.Duration, name string) {
	for {
		select {
		case <-time.After(length/2 + rand.N(length)):
		case <-ctx.Done():
			return
		}
		if info, err := lease.Inspect(ctx, m, name); err == nil && info.State == lease.Held && lease.Break(ctx, m, info) == nil {
			h.count("breaks")
		}
	}
}

// foundNewer counts the calls in which V3 kept a newer value.
const foundNewer = "renewals that found a newer value"

// What has to happen in a chain for it to prove anything.
var enoughOfAChain = map[string]int{"acquisitions": 3, "values acknowledged": 5, "late renewals": 3}

// playChain lets coordinators on several managers come, go and be broken.
func (s service) playChain(t *testing.T, enough map[string]int, name string) (h *chain) {
	h = NewHistory[string]()
	length := max(s.length, 3*time.Second) // on GCS a renewal may follow another after a second
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begun := time.Now()
	goOn := func() bool { return ctx.Err() == nil && (time.Since(begun) < s.span || !h.has(enough)) }
	var all sync.WaitGroup
	var leaders []*chronicler
	for n := 1; n <= 3; n++ {
		c := s.chronicler(t, h, n)
		c.late = &lateness{way: s.chronicler(t, h, n)}
		leaders = append(leaders, c)
		all.Go(func() { c.coordinate(t, length, string(rune('a'+n-1)), name, goOn) })
	}
	breaking, stop := context.WithCancel(ctx)
	outside := s.connect(t, 0)
	var breaker sync.WaitGroup
	breaker.Go(func() { breakNowAndThen(breaking, h, outside.Manager, length, name) })
	all.Wait()
	stop()
	breaker.Wait()
	for _, c := range leaders {
		c.late.end()
		_, done := c.wait() // a leader may have left a request behind
		done()
	}
	start := h.now()
	finally(t, func(ctx context.Context) error {
		info, err := lease.Inspect(ctx, outside.Manager, name)
		(&chronicler{chain: h}).add(name, fmt.Sprintf("Inspect in the end = %q", info.Value), start, err == nil, showsValue(info.Value))
		return err
	})
	return h
}

// F4, V1 to V3: on each real service, the values that leaders publish one after another are a chain, whatever happens to the leaders and
// their requests.
func TestChains(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	var kept atomic.Int64 // newer values that a late renewal found
	for name, open := range services {
		all.Go(func() {
			t.Run(name, func(t *testing.T) {
				enough := maps.Clone(enoughOfAChain)
				if name == "file" { // the fastest goes on until that has happened, too
					enough[foundNewer] = 1
				}
				h := open(t).playChain(t, enough, "chain")
				require.NoError(t, h.Check(checkLimit, ""))
				require.True(t, h.has(enough), "a chain in which too little happens proves nothing: %v", h.Counts())
				kept.Add(int64(h.Counts()[foundNewer]))
				t.Log(h.Counts())
			})
		})
	}
	all.Wait()
	require.NotZero(t, kept.Load(), "late renewals that left a newer value alone (V3)")
}

// Unwrap makes the limits of the manager below found: leaders ask for them.
func (m brokenManager) Unwrap() lease.Manager { return m.Manager }

// renumbers makes each renewal the newest, also a late one.
func renumbers(m lease.Manager) lease.Manager {
	return brokenManager{Manager: m, renew: func(ctx context.Context, held lease.Lease) (lease.Lease, error) {
		number := held.ValueNumber
		held.ValueNumber = uint64(time.Now().UnixNano())
		got, err := m.Renew(ctx, held)
		got.ValueNumber = number
		return got, err
	}}
}

// disinherits makes each term begin without a value.
func disinherits(m lease.Manager) lease.Manager {
	return brokenManager{Manager: m, acquire: func(ctx context.Context, req lease.Request) (lease.Lease, error) {
		got, err := m.Acquire(ctx, req)
		got.Value = ""
		return got, err
	}}
}

func TestBrokenChains(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]func(lease.Manager) lease.Manager{"V1: nothing is inherited": disinherits, "V3: a late renewal is the newest": renumbers} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told(t, found(t, func() error {
				return inFiles(t, nil, broken).playChain(t, enoughOfAChain, "chain").Check(checkLimit, t.TempDir())
			}))
		})
	}
}
