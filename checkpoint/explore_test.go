package checkpoint_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/lease"
)

// An explorer goes through every order of the requests of three actors, and whatever may become of each: an old worker, which saves
// though its term is over; a new one, which opens the checkpoint and saves; and an operator, who resets it.

var faults = flag.Int("faults", 1, "how many requests fail, are done unheard, or arrive late, along a path of TestExplore")

// The fates of a request. A write that is late is answered with an error, and is done at any time after that, or never (refused).
const (
	done    = "is done"
	unheard = "is done, and its answer is lost"
	refused = "is not done, and has an error"
	late    = "has an error, and is on its way"
)

// An ask is a request that an actor waits for.
type ask struct {
	by     *actor
	swap   bool
	old    lease.Version
	data   []byte
	answer chan func() (lease.Snapshot, lease.Version, error)
}

// An actor makes one request after the other.
type actor struct {
	world  *universe
	name   string
	asks   chan *ask
	next   *ask   // nil: it is over
	last   string // the value that it has written last
	writer string // as which it has claimed
	heard  string // all that it was answered: so this says what it does next
	claims int
}

// stored is the content of the cell, as people read it.
type stored struct {
	Token, Count  uint64
	Writer, Value string
}

// A choice is one of several at a point of a path.
type choice struct{ taken, of int }

// A universe is one path.
type universe struct {
	path      []choice
	at        int
	faults    int // how many may come yet
	scheduled bool
	unfenced  bool // writes are done whatever the cell has: a flaw that is to be found

	seen map[string]bool // the states of all paths

	cell    stored
	data    []byte
	retired map[string]bool // writers that were replaced
	claimed string          // the value that the new worker's latest claim has replaced
	onWay   []*ask
	names   map[string]string // of writers, which are random: by actor
	told    []string
	broken  error
}

func (u *universe) choose(of int) int {
	if u.at == len(u.path) {
		u.path = append(u.path, choice{0, of})
	}
	u.at++
	return u.path[u.at-1].taken
}

func (u *universe) breaks(format string, args ...any) {
	if u.broken == nil {
		u.broken = fmt.Errorf(format, args...)
	}
}

// read and write do what the service does.
func (u *universe) read() (lease.Snapshot, lease.Version, error) {
	if u.data == nil {
		return lease.Snapshot{}, "", nil
	}
	return lease.Snapshot{Data: u.data, Version: lease.Version(u.show(u.data))}, "", nil
}

func (u *universe) write(a *ask) (lease.Snapshot, lease.Version, error) {
	if now, _, _ := u.read(); now.Version != a.old && !u.unfenced {
		return now, "", lease.ErrConflict
	}
	was := u.cell
	u.data = a.data
	u.cell = stored{}
	if err := json.Unmarshal(a.data, &u.cell); err != nil {
		u.breaks("it is not readable: %w", err)
	}
	u.judge(a.by, was, u.cell)
	a.by.last, a.by.writer = u.cell.Value, u.cell.Writer
	return lease.Snapshot{}, lease.Version(u.show(u.data)), nil
}

// judge checks what a write does: token, writer and count go forward (K2), and a claim keeps the value (K1).
func (u *universe) judge(by *actor, was, is stored) {
	switch {
	case is.Token < was.Token:
		u.breaks("K2: %s takes token %d back to %d", by.name, was.Token, is.Token)
	case is.Writer == was.Writer && is.Count <= was.Count:
		u.breaks("K2: %s writes count %d after %d", by.name, is.Count, was.Count)
	case u.retired[is.Writer]:
		u.breaks("K1: %s writes after another one has claimed", by.name)
	case is.Writer != was.Writer && by.name == "new":
		if u.claimed = was.Value; is.Value != was.Value {
			u.breaks("K1: a claim changes the value from %q to %q", was.Value, is.Value)
		}
	}
	if is.Writer != was.Writer {
		u.retired[was.Writer] = true
	}
}

func (a *actor) request(r *ask) (lease.Snapshot, lease.Version, error) {
	r.by = a
	if r.swap {
		a.world.call(a, r.data)
	}
	if !a.world.scheduled {
		if r.swap {
			return a.world.write(r)
		}
		return a.world.read()
	}
	r.answer = make(chan func() (lease.Snapshot, lease.Version, error))
	a.asks <- r
	return (<-r.answer)()
}

// call names the writer of what an actor is to write.
func (u *universe) call(a *actor, data []byte) {
	var is stored
	if err := json.Unmarshal(data, &is); err != nil {
		u.breaks("it is not readable: %w", err)
	}
	if u.names[is.Writer] == "" {
		a.claims++
		u.names[is.Writer] = fmt.Sprint(a.name, a.claims)
	}
}

// state decides what can come, and how it is judged.
func (u *universe) state(all []*actor) string {
	var b strings.Builder
	fmt.Fprint(&b, u.faults, u.show(u.data), u.claimed)
	for _, a := range all {
		fmt.Fprint(&b, "|", a.heard, a.last, u.names[a.writer])
	}
	var more []string
	for _, w := range u.onWay {
		more = append(more, string(w.old)+u.show(w.data))
	}
	for w := range u.retired {
		more = append(more, u.names[w])
	}
	slices.Sort(more)
	return b.String() + strings.Join(more, "|")
}

// show is a content, with the writer's name.
func (u *universe) show(data []byte) string {
	var is stored
	_ = json.Unmarshal(data, &is)
	is.Writer = u.names[is.Writer]
	return fmt.Sprint(is)
}

func (a *actor) Load(context.Context, string) (lease.Snapshot, error) {
	found, _, err := a.request(&ask{})
	return found, err
}

func (a *actor) Swap(_ context.Context, _ string, old lease.Version, data []byte) (lease.Version, error) {
	_, version, err := a.request(&ask{swap: true, old: old, data: data})
	return version, err
}

// save saves, and judges the answer.
func (a *actor) save(cp *checkpoint.Checkpoint[string], value string) {
	u := a.world
	err := cp.Save(context.Background(), value)
	u.tell("%s: Save of %q: %v", a.name, value, err)
	switch {
	case err == nil && a.last != value:
		u.breaks("%s is told that %q is stored, and has written %q last", a.name, value, a.last)
	case errors.Is(err, lease.ErrLost) && u.cell.Writer == a.writer:
		u.breaks("%s is told that others have the checkpoint, and it is its own", a.name)
	}
}

// open opens the checkpoint, and judges the answer.
func (a *actor) open(ctx context.Context) (*checkpoint.Checkpoint[string], error) {
	cp, err := checkpoint.Open[string](ctx, lease.NewManager(a), name)
	if err == nil && a.world.scheduled && cp.Value() != a.world.claimed {
		a.world.breaks("K1: %q is handed out, and the claim has replaced %q", cp.Value(), a.world.claimed)
	}
	a.world.tell("%s: Open: %v", a.name, err)
	return cp, err
}

func (u *universe) tell(format string, args ...any) {
	u.told = append(u.told, fmt.Sprintf(format, args...))
}

// run goes along the path, and adds the choices that it lacks: the first of each.
func (u *universe) run(t *testing.T, resets bool) {
	u.retired, u.names = map[string]bool{"": true}, map[string]string{"": "nobody"}
	begin := func(token uint64) (context.Context, *lease.Keeper) {
		return lease.StartTerm(t.Context(), lease.Lease{Name: "orders", Token: token, ID: "x", Length: time.Hour}, lease.Now(t.Context()))
	}
	before, ofOld := begin(1)
	defer ofOld.End(nil)
	after, ofNew := begin(2)
	defer ofNew.End(nil)
	old := &actor{world: u, name: "old"}
	had, err := old.open(before)
	require.NoError(t, err)
	old.save(had, "of old")
	u.scheduled = true
	works := map[string]func(*actor){
		"old": func(a *actor) {
			a.save(had, "of old, late")
			if !resets { // else there would be too many paths
				a.save(had, "of old, later")
			}
		},
		"new": func(a *actor) {
			cp, err := a.open(after)
			if err != nil && !resets {
				cp, err = a.open(after)
			}
			if err == nil {
				a.save(cp, "of new")
			}
		},
	}
	all := []*actor{old, {world: u, name: "new"}}
	if resets {
		all = append(all, &actor{world: u, name: "operator"})
		works["operator"] = func(a *actor) { _ = checkpoint.Reset(context.Background(), lease.NewManager(a), name, "by hand") }
	}
	for _, a := range all {
		a.asks = make(chan *ask)
		go func() {
			defer close(a.asks)
			works[a.name](a)
		}()
		a.next = <-a.asks
	}
	for u.step(all) {
	}
	for _, a := range all { // of a path that goes where another one has been
		for a.next != nil {
			a.next.answer <- func() (lease.Snapshot, lease.Version, error) { return lease.Snapshot{}, "", errDown }
			a.next = <-a.asks
		}
	}
}

// step chooses what happens next. It reports false when nothing can.
func (u *universe) step(all []*actor) bool {
	var happens []func()
	for _, a := range all {
		if a.next == nil {
			continue
		}
		fates := []string{done}
		if u.faults > 0 && a.next.swap {
			fates = []string{done, unheard, refused, late}
		} else if u.faults > 0 {
			fates = []string{done, refused}
		}
		for _, fate := range fates {
			happens = append(happens, func() { u.meet(a, fate) })
		}
	}
	for n, w := range u.onWay {
		happens = append(happens, func() {
			u.tell("%s: a late write arrives", w.by.name)
			u.onWay = append(u.onWay[:n:n], u.onWay[n+1:]...)
			_, _, _ = u.write(w)
		})
	}
	if len(happens) == 0 || u.broken != nil {
		return false
	}
	if u.at == len(u.path) { // a new point
		state := u.state(all)
		if u.seen[state] {
			return false
		}
		u.seen[state] = true
	}
	happens[u.choose(len(happens))]()
	return true
}

// meet answers an actor's request, and waits for its next one.
func (u *universe) meet(a *actor, fate string) {
	r, do := a.next, u.read
	if r.swap {
		do = func() (lease.Snapshot, lease.Version, error) { return u.write(r) }
	}
	u.tell("%s: a request (write: %v) %s", a.name, r.swap, fate)
	answer := func() (lease.Snapshot, lease.Version, error) { return lease.Snapshot{}, "", errDown }
	if fate != done {
		u.faults--
	}
	switch fate {
	case done:
		found, version, err := do()
		answer = func() (lease.Snapshot, lease.Version, error) { return found, version, err }
	case unheard:
		_, _, _ = do()
	case late:
		u.onWay = append(u.onWay, r)
	}
	found, version, failed := answer()
	a.heard += fmt.Sprint(found.Version, u.show(found.Data), version, failed, ";")
	r.answer <- answer
	a.next = <-a.asks
}

// explore goes through all paths. It returns how many there are, up to one that breaks a promise, which it returns, too.
func explore(t *testing.T, resets, unfenced bool, faults int) (paths int, broken *universe) {
	u := &universe{}
	seen := map[string]bool{}
	for more := true; more; {
		u = &universe{path: u.path, faults: faults, unfenced: unfenced, seen: seen}
		u.run(t, resets)
		if paths++; u.broken != nil {
			return paths, u
		}
		for more = false; len(u.path) > 0 && !more; {
			last := &u.path[len(u.path)-1]
			if last.taken++; last.taken < last.of {
				more = true
			} else {
				u.path = u.path[:len(u.path)-1]
			}
		}
	}
	return paths, nil
}

// K1 and K2 hold in every order of the requests, whichever of them fail, are done unheard, or arrive late.
func TestExplore(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		resets bool
		faults int
	}{{"two terms", false, *faults}, {"and an operator", true, *faults}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			paths, broken := explore(t, test.resets, false, test.faults)
			t.Logf("%d paths", paths)
			if broken != nil {
				t.Fatalf("%v\n%s", broken.broken, strings.Join(broken.told, "\n"))
			}
			require.Greater(t, paths, 300, "too few show nothing")
		})
	}
}

// A store that writes whatever the cell has breaks them, and is found.
func TestExploreFindsWhatIsBroken(t *testing.T) {
	t.Parallel()
	_, broken := explore(t, false, true, 0)
	require.NotNil(t, broken)
}
