package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/internal/transcript"
	"github.com/cloudlease/leader/lease"
)

// join starts a node of a fleet in this process. It returns a function that ends it.
func join(t *testing.T, s shelf, name string, parts int, opts ...fleet.Option) (leave func()) {
	t.Helper()
	node := fleet.New(append([]fleet.Option{
		fleet.WithLeaseManager(s), fleet.WithName("ships"), fleet.WithShards(parts), fleet.WithNodeID(name),
		fleet.WithLeaseLength(2 * time.Second), fleet.WithCalm(100 * time.Millisecond), fleet.WithLogger(slog.New(slog.DiscardHandler)),
		fleet.WhenAssigned(func(ctx context.Context, _ string) error { <-ctx.Done(); return nil }),
	}, opts...)...)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()
	leave = func() {
		stop()
		require.NoError(t, <-ended)
		ended <- nil
	}
	t.Cleanup(leave)
	return leave
}

// loads returns how many parts each node of the fleet has, by the command.
func loads(t *testing.T, s shelf) map[string]int {
	t.Helper()
	var f fleetEntry
	o := commandtest.End(t, commandtest.Command(t, "fleet", "status", "ships", "--store", s.url, "--json"))
	require.NoError(t, json.Unmarshal([]byte(o.Out), &f), o.Err)
	has := map[string]int{}
	for _, p := range f.Parts {
		if p.Why == "" {
			has[p.Node]++
		}
	}
	return has
}

func TestFleetStatus(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	status := func(args ...string) commandtest.Outcome {
		return commandtest.End(t, commandtest.Command(t, append([]string{"fleet", "status", "ships", "--store", s.url}, args...)...))
	}
	o := status()
	require.Equal(t, exitNobody, o.Code)
	require.Equal(t, "ships  never run\nThere is no plan yet.\n", o.Out)

	leave := join(t, s, "a", 4, fleet.WithAttributes(map[string]string{"address": "10.0.0.1"}), fleet.WithCapacity(3))
	require.Eventually(t, func() bool { return loads(t, s)["a"] == 3 }, time.Minute, 10*time.Millisecond)
	o = status()
	o.Want(t, 0, "")
	require.Regexp(t, `^ships  coordinated by a, up to \ds\nplan \d+: 4 parts, 1 node\n\nSEAT  NODE  STATE  PARTS  WEIGHT  CAPACITY  TIME LEFT\n +\d  a     held       3  1       3         up to \ds\n\nPART  NODE    TOKEN  FROM  WHY\n`, o.Out)
	require.Regexp(t, `(?m)^\d     nobody +\d+ +it is nobody's: no node has room for it`, o.Out)
	require.Regexp(t, `(?m)^\d     a +\d+$`, o.Out)

	join(t, s, "b", 4, fleet.WithWeight(2))
	require.Eventually(t, func() bool { return loads(t, s)["b"] >= 2 && loads(t, s)[""] == 0 }, time.Minute, 10*time.Millisecond)
	var f map[string]any
	require.NoError(t, json.Unmarshal([]byte(status("--json").Out), &f))
	require.Equal(t, "ships", f["fleet"])
	require.Equal(t, "a", f["coordinator"].(map[string]any)["holder"])
	require.Len(t, f["nodes"], 2)
	require.Len(t, f["parts"], 4)
	require.Contains(t, status("--json").Out, `"attributes":{"address":"10.0.0.1"}`)
	leave()
	require.Eventually(t, func() bool { return loads(t, s)["b"] == 4 }, time.Minute, 10*time.Millisecond)
}

// A large fleet shows what is of interest.
func TestFleetStatus_Large(t *testing.T) {
	t.Parallel()
	f := fleetEntry{Fleet: "ships", Epoch: 3}
	for i := range 300 {
		f.Parts = append(f.Parts, partEntry{Part: string(rune('a' + i)), Token: 1, Node: "a", Seat: 1})
	}
	f.Parts[7] = partEntry{Part: "seven", Token: 3, Node: "b", Seat: 2, From: "a", Why: "the node that had it has not stopped its work"}
	f.Parts[9] = partEntry{Part: "nine", Token: 3, Why: "it is nobody's"}
	f.Nodes = []nodeEntry{{Seat: 1, Token: 1, Node: "a", State: held, Parts: 298, Weight: 1, Epoch: 2, Stopping: 1}, {Seat: 2, Token: 5, State: unreadable, Error: "\x1b[2J"}}
	var out bytes.Buffer
	f.details(&out, false)
	text := out.String()
	require.Contains(t, text, "stops 1 part\n")
	require.Contains(t, text, "seven  b           3  a     the node that had it has not stopped its work\n")
	require.Contains(t, text, "nine   nobody      3        it is nobody's\n")
	require.Contains(t, text, "298 more parts are worked on, and do not move: --all shows them.\n")
	require.NotContains(t, text, "\x1b[2J", "a record moves no cursor")
	out.Reset()
	f.details(&out, true)
	require.Greater(t, strings.Count(out.String(), "\n"), 300)
}

func TestFleetWatch(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	said := &transcript.Transcript{}
	cmd := commandtest.Command(t, "fleet", "watch", "ships", "--store", s.url, "--every", "20ms", "--verbose")
	cmd.Stdout, cmd.Stderr = said, said
	require.NoError(t, cmd.Start())
	sees := func(pattern string) {
		t.Helper()
		require.Eventually(t, func() bool { return regexp.MustCompile(pattern).MatchString(said.String()) }, time.Minute, 10*time.Millisecond, "%s: %s", pattern, said)
	}
	sees(`found        never run`)
	leave := join(t, s, "a", 2)
	sees(`joined       a  seat \d`)
	sees(`coordinator  a coordinates`)
	sees(`moved        2 parts by plan \d+: a 2\n +part 0  from nobody to a  token \d`)
	join(t, s, "b", 2)
	sees(`joined       b  seat \d`)
	sees(`moved        1 part by plan \d+: (a 1, b 1|b 1, a 1)\n +part [01]  from a to b  token \d`)
	leave()
	sees(`left         a  seat \d`)
	sees(`coordinator  b coordinates`)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
}

// What a look may show, and is told of.
func TestFleetChanges(t *testing.T) {
	t.Parallel()
	node := func(seat int, token uint64, state string) nodeEntry {
		return nodeEntry{Seat: seat, Token: token, Node: "n" + string(rune('0'+seat)), State: state}
	}
	before := fleetEntry{Epoch: 1, Nodes: []nodeEntry{node(1, 1, held), node(2, 4, held), node(3, 1, held)},
		Parts: []partEntry{{Part: "0", Token: 1, Node: "n1"}, {Part: "1", Token: 1, Node: "n2"}}}
	now := fleetEntry{Epoch: 2, Nodes: []nodeEntry{node(1, 1, expired), node(2, 5, held), node(4, 1, held)},
		Parts: []partEntry{{Part: "0", Token: 2, Why: "it is nobody's"}, {Part: "1", Token: 2, Node: "n4", From: "n2"}}}
	now.Nodes[2].Draining = true
	var told []string
	for _, c := range fleetChanges(&before, now) {
		told = append(told, c.Change+" "+c.text)
		require.EqualValues(t, 2, c.Epoch)
	}
	require.Equal(t, []string{
		"expired n1  seat 1", "joined n2  seat 2", "joined n4  seat 4", "left n2  seat 2", "left n3  seat 3",
		"moved 1 part by plan 2: n2 0, n4 0", "nobody's 1 part, such as 0: it is nobody's",
	}, told)
	require.Empty(t, fleetChanges(&now, now))
	require.Equal(t, "nobody's", fleetChanges(&now, before)[len(fleetChanges(&now, before))-1].Change)
}

// What watch tells of looks, one after another.
func tellAll(looks ...fleetEntry) (told []string) {
	var before *fleetEntry
	for _, now := range looks {
		now.Nodes = slices.Clone(now.Nodes)
		if before != nil {
			now.remember(before.Nodes)
		}
		for _, c := range fleetChanges(before, now) {
			told = append(told, c.Change+" "+c.text)
		}
		before = &now
	}
	return told
}

// A seat that cannot be read for a while is told of as that: its node has neither left nor come.
func TestFleetChanges_ASeatThatCannotBeRead(t *testing.T) {
	t.Parallel()
	sight := func(state string, token uint64) fleetEntry {
		n := nodeEntry{Seat: 1, Token: token, Node: "a", State: state, Parts: 1}
		if state == unreadable {
			n = nodeEntry{Seat: 1, State: unreadable, Parts: 1, Error: "not a lease record"}
		}
		return fleetEntry{Nodes: []nodeEntry{n}}
	}
	seen, lost, gone := sight(held, 5), sight(unreadable, 0), fleetEntry{}
	for name, test := range map[string]struct {
		looks []fleetEntry
		tells []string
	}{
		"it is there again":   {[]fleetEntry{seen, lost, lost, seen}, []string{"unreadable seat 1: not a lease record"}},
		"it has left":         {[]fleetEntry{seen, lost, lost, gone}, []string{"unreadable seat 1: not a lease record", "left a  seat 1"}},
		"it has crashed":      {[]fleetEntry{seen, lost, sight(expired, 5)}, []string{"unreadable seat 1: not a lease record", "expired a  seat 1"}},
		"another one is in":   {[]fleetEntry{seen, lost, sight(held, 6)}, []string{"unreadable seat 1: not a lease record", "joined a  seat 1", "left a  seat 1"}},
		"it is broken, twice": {[]fleetEntry{seen, lost, seen, lost}, []string{"unreadable seat 1: not a lease record", "unreadable seat 1: not a lease record"}},
	} {
		require.Equal(t, append([]string{"found never run"}, test.tells...), tellAll(test.looks...), name)
	}
	require.Equal(t, []string{"found never run", "unreadable seat 1: not a lease record", "joined a  seat 1"}, tellAll(lost, seen), "nobody knew it before")
}

// Which parts are nobody's is told, not how many.
func TestFleetChanges_OtherPartsAreNobodys(t *testing.T) {
	t.Parallel()
	sight := func(parts ...string) (f fleetEntry) {
		for _, name := range []string{"0", "1", "2"} {
			p := partEntry{Part: name, Token: 1, Node: "a"}
			if slices.Contains(parts, name) {
				p.Node, p.Why = "", "no room"
			}
			f.Parts = append(f.Parts, p)
		}
		return f
	}
	require.Equal(t, []string{
		"found never run", "nobody's 1 part, such as 0: no room", "nobody's 1 part, such as 2: no room", "nobody's no part: each has a node again",
	}, tellAll(sight("0"), sight("0"), sight("2"), sight("2"), sight()))
	require.NotContains(t, strings.Join(tellAll(sight("0", "1", "2"), fleetEntry{Epoch: 9}), "\n"), "again", "a plan that was reset has no parts")
}

func TestFleetReset(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	reset := func(args ...string) commandtest.Outcome {
		return commandtest.End(t, commandtest.Command(t, append([]string{"fleet", "reset", "ships", "--store", s.url}, args...)...))
	}
	o := reset()
	o.Want(t, 0, "")
	require.Contains(t, o.Out, "There is no such fleet: there is nothing to reset.")

	for _, above := range []string{"9223372036854775807", "18446744073709551615"} {
		reset("--yes", "--above", above).Want(t, exitUsage, "too few tokens are greater than "+above)
	}
	reset("--above", "41").Want(t, exitUsage, "there is no terminal to ask on")
	reset("--yes", "--above", "41").Want(t, 0, "")
	made, err := fleet.Inspect(t.Context(), s, "ships")
	require.NoError(t, err)
	require.EqualValues(t, 42, made.Epoch, "of the plan whose record was deleted")

	leave := join(t, s, "a", 2)
	require.Eventually(t, func() bool { return loads(t, s)["a"] == 2 }, time.Minute, 10*time.Millisecond)
	reset().Want(t, exitUsage, "there is no terminal to ask on: give --yes to make every part nobody's")
	reset("--yes").Want(t, exitFailed, "nothing was reset: lease \"ships")
	leave()

	before, err := lease.Inspect(t.Context(), s, "ships")
	require.NoError(t, err)
	s.run(t, "value", "clear", "ships", "--yes").Want(t, exitFailed, "without which the tokens of its parts would begin anew: leader fleet reset replaces it")
	require.Equal(t, before.Value, s.inspect(t, "ships").Value)
	reset("--yes").Want(t, 0, "")
	after, err := fleet.Inspect(t.Context(), s, "ships")
	require.NoError(t, err)
	require.Empty(t, after.Parts)

	l, err := s.Acquire(t.Context(), lease.Request{Name: "ships", Holder: "vandal", Length: time.Minute})
	require.NoError(t, err)
	l.Value, l.ValueNumber = `{"kind":"fleet plan","format":99}`, 1
	l, err = s.Renew(t.Context(), l)
	require.NoError(t, err)
	o = commandtest.End(t, commandtest.Command(t, "fleet", "status", "ships", "--store", s.url))
	o.Want(t, exitFailed, "update the program")
	require.NotContains(t, o.Out+o.Err, "leader fleet reset", "a newer program coordinates with it")
	l.Value, l.ValueNumber = "not a plan", 2
	l, err = s.Renew(t.Context(), l)
	require.NoError(t, err)
	require.NoError(t, s.Release(t.Context(), l))
	o = commandtest.End(t, commandtest.Command(t, "fleet", "status", "ships", "--store", s.url))
	o.Want(t, exitFailed, "leader fleet reset makes a new plan, once all nodes have stopped")
	reset("--yes").Want(t, exitFailed, "give with --above the greatest token of a part")
	reset("--yes", "--above", "77").Want(t, 0, "")
	after, err = fleet.Inspect(t.Context(), s, "ships")
	require.NoError(t, err)
	require.EqualValues(t, 78, after.Epoch)
	require.NotEmpty(t, before.Value)
}

// What is wrong with the flags is said before anything is asked, in the words of flags.
func TestFleetRunFlags(t *testing.T) {
	t.Parallel()
	store := newShelf(t).url
	for _, test := range []struct {
		flags []string
		says  string
	}{
		{nil, "there are no parts: give --shards 64, say, or --part for each"},
		{[]string{"--shards", "2", "--part", "a"}, "give --shards or --part, and not both"},
		{[]string{"--shards", "0"}, "--shards: 0 shards: give 1 to "},
		{[]string{"--part", "a", "--part", "a"}, `part "a" is there twice`},
		{[]string{"--part", ""}, `part "": its name makes no lease name`},
		{[]string{"--shards", "2", "--name", "a/seats/b"}, `--name: "a/seats/b" contains /seats/`},
		{[]string{"--shards", "2", "--weight", "-1"}, "--weight: -1 is negative"},
		{[]string{"--shards", "2", "--capacity", "-1"}, "--capacity: -1 is negative"},
		{[]string{"--shards", "2", "--calm", "-1s"}, "--calm: -1s is negative"},
		{[]string{"--shards", "2", "--leave-timeout", "-1s"}, "--leave-timeout: -1s is negative"},
		{[]string{"--shards", "2", "--lease-length", "15"}, `missing unit in duration "15": write 15s for 15 seconds; see leader fleet run --help`},
		{[]string{"--shards", "2", "--renew-every", "10s"}, "two renewals, each 10s, have to fit into"},
		{[]string{"--shards", "2", "--health-timeout", "3s"}, "--health-timeout is for --health-cmd and --health-http"},
		{[]string{"--shards", "2", "--log-format", "xml"}, `--log-format "xml": it is text or json`},
	} {
		args := append([]string{"fleet", "run", "--store", store}, test.flags...)
		commandtest.End(t, commandtest.Command(t, append(args, "--", commandtest.Binary(), "version")...)).Want(t, exitUsage, test.says)
	}
	commandtest.End(t, commandtest.Command(t, "fleet", "run", "--shards", "2")).Want(t, exitUsage, "there is no program to run")
	commandtest.End(t, commandtest.Command(t, "fleet", "run", "--shards", "2", "--store", store, "--", "no-such-program")).Want(t, 127, "no-such-program")
}
