package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/lease"
)

// save saves a value as a worker does whose term has the token.
func (s shelf) save(t testing.TB, name, leaseName string, value any, token ...uint64) *checkpoint.Checkpoint[any] {
	t.Helper()
	held := lease.Lease{Name: leaseName, Holder: "worker", Token: append(token, 7)[0], ID: "x", Length: time.Hour}
	ctx, keeper := lease.StartTerm(t.Context(), held, lease.Now(t.Context()))
	t.Cleanup(func() { keeper.End(nil) })
	cp, err := checkpoint.Open[any](ctx, s, name)
	require.NoError(t, err)
	if value != nil {
		require.NoError(t, cp.Save(ctx, value))
	}
	return cp
}

// run is a command on the shelf.
func (s shelf) run(t testing.TB, args ...string) commandtest.Outcome {
	t.Helper()
	return commandtest.End(t, commandtest.Command(t, append(args, "--store", s.url)...))
}

func TestCheckpointShow(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.save(t, "orders-projection", "orders", map[string]any{"at": 42})
	s.save(t, "unsaved", "orders", nil)
	s.save(t, "harmful", "orders", "\u009b2J\U000e0001\u202e")
	for _, test := range []struct {
		name, want, json string
		code             int
	}{
		{"orders-projection", `orders-projection
  lease   orders
  token   7
  writes  1 since it was claimed or set
  value   {"at":42}
`, `{"checkpoint":"orders-projection","lease":"orders","token":7,"writes":1,"value":{"at":42}}`, 0},
		{"unsaved", `unsaved
  lease   orders
  token   7
  writes  0 since it was claimed or set
  value   none was saved yet
`, `{"checkpoint":"unsaved","lease":"orders","token":7}`, 0},
		{"harmful", `harmful
  lease   orders
  token   7
  writes  1 since it was claimed or set
  value   "\u009b2J\udb40\udc01\u202e"
`, "", 0},
		{"never", "never  there is no checkpoint\n", `{"checkpoint":"never"}`, exitNone},
	} {
		o := s.run(t, "checkpoint", "show", test.name)
		o.Want(t, test.code, "")
		require.Equal(t, test.want, o.Out)
		o = s.run(t, "checkpoint", "show", test.name, "--json")
		o.Want(t, test.code, "")
		if test.json != "" {
			require.Equal(t, test.json+"\n", o.Out)
		}
	}
}

func TestCheckpointList(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	o := s.run(t, "checkpoint", "list")
	require.Equal(t, commandtest.Outcome{Err: "There are no checkpoints.\n"}, o)
	require.Equal(t, commandtest.Outcome{}, s.run(t, "checkpoint", "list", "--json"))
	s.save(t, "orders-projection", "orders", map[string]any{"at": 42})
	s.save(t, "orders-search", "orders", strings.Repeat("x", 100))
	s.save(t, "unsaved", "bills", nil)
	store, _ := lease.StoreOf(s.Manager)
	_, err := store.Swap(t.Context(), lease.CheckpointPrefix+"broken\x1b[2J", "", []byte("{}"))
	require.ErrorIs(t, err, lease.ErrInvalid, "no name has control characters")
	_, err = store.Swap(t.Context(), lease.CheckpointPrefix+"broken", "", []byte("{}"))
	require.NoError(t, err)
	s.acquire(t, "orders", "one", time.Hour, nil)
	o = s.run(t, "checkpoint", "list")
	o.Want(t, 0, "")
	lines := strings.Split(o.Out, "\n")
	require.Len(t, lines, 6)
	for i, want := range []string{
		`^CHECKPOINT +LEASE +TOKEN +WRITES +VALUE$`, `^broken +- +0 +0 +unreadable .*its kind is "", not "checkpoint"`,
		`^orders-projection +orders +7 +1 +{"at":42}$`, `^orders-search +orders +7 +1 +"x{59}\.\.\.$`, `^unsaved +bills +7 +0 +-$`,
	} {
		require.Regexp(t, want, strings.TrimRight(lines[i], " "))
	}
	require.Equal(t, s.run(t, "checkpoint", "show", "orders-projection", "--json").Out, s.run(t, "checkpoint", "list", "orders-p", "--json").Out)
	require.Contains(t, s.run(t, "checkpoint", "list", "broken", "--json").Out, `"error":"`)
	missing := shelf{url: s.url + "/missing"}
	missing.run(t, "checkpoint", "list").Want(t, exitFailed, "make it with leader init")
}

// A place that is not there is no place without checkpoints.
func TestCheckpointWithoutAPlace(t *testing.T) {
	t.Parallel()
	missing := shelf{url: newShelf(t).url + "/missing"}
	missing.run(t, "checkpoint", "show", "a").Want(t, exitFailed, "make it with leader init")
	missing.run(t, "checkpoint", "set", "a", "1", "--lease", "a", "--yes").Want(t, exitFailed, "make it with leader init")
}

func TestCheckpointSet(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	worker := s.save(t, "cp", "orders", 5)
	shown := func() position { return decodeJSON[position](t, s.run(t, "checkpoint", "show", "cp", "--json").Out) }

	o := s.run(t, "checkpoint", "set", "cp", "4")
	require.Equal(t, exitUsage, o.Code)
	require.Contains(t, o.Err, "give --yes to set the checkpoint")
	require.Contains(t, o.Out, "value   5", "it is shown")
	require.JSONEq(t, "5", string(shown().Value))

	o = s.run(t, "checkpoint", "set", "cp", `{"at": "<4>"}`, "--yes")
	require.Zero(t, o.Code, o.Err)
	require.Contains(t, o.Out, "Set. Terms of lease orders may claim it, with token 7 or a greater one.\n")
	require.JSONEq(t, `{"at":"<4>"}`, string(shown().Value))
	require.Equal(t, position{Name: "cp", Lease: "orders", Token: 7, Value: shown().Value}, shown())
	require.ErrorIs(t, worker.Save(t.Context(), 6), lease.ErrLost, "the worker that had it open is shut out")

	for _, to := range []struct {
		flags []string
		lease string
		token uint64
	}{
		{[]string{"--token", "9"}, "orders", 9},
		{[]string{"--lease", "orders"}, "orders", 9},
		{nil, "orders", 9},
		{[]string{"--lease", "bills", "--token", "3"}, "bills", 3},
		{[]string{"--lease", "orders"}, "orders", 0},
		{[]string{"--token", "0", "--lease", "orders"}, "orders", 0},
	} {
		o := s.run(t, append([]string{"checkpoint", "set", "cp", "1", "--yes"}, to.flags...)...)
		require.Zero(t, o.Code, o.Err)
		require.Equal(t, position{Name: "cp", Lease: to.lease, Token: to.token, Value: json.RawMessage("1")}, shown(), "%v", to.flags)
	}
	o = commandtest.End(t, commandtest.Command(t, "checkpoint", "set", "--yes", "--store", s.url, "cp", "--", "-5"))
	require.Zero(t, o.Code, o.Err)
	require.JSONEq(t, "-5", string(shown().Value))
}

// The terms of a fleet's parts have no lease: what is said of them is the plan's.
func TestCheckpointSetOfAPart(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	join(t, s, "a", 2)
	require.Eventually(t, func() bool { return loads(t, s)["a"] == 2 }, time.Minute, 10*time.Millisecond)
	s.save(t, "cp", "ships/parts/1", 5, 1)
	var o commandtest.Outcome
	require.Eventually(t, func() bool { // a machine that stands still costs the node its seat
		o = s.run(t, "checkpoint", "set", "cp", "4", "--yes")
		require.Zero(t, o.Code, o.Err)
		require.NotContains(t, o.Err, "was never taken")
		require.NotContains(t, o.Err, "No term can claim")
		return strings.Contains(o.Err, "has part 1 of fleet ships: if its work has the checkpoint open, its next save fails.")
	}, time.Minute, 10*time.Millisecond)

	o = s.run(t, "checkpoint", "set", "cp", "4", "--token", "99", "--yes")
	require.Contains(t, o.Err, "No term can claim the checkpoint before part 1 of fleet ships has token 99")
	o = s.run(t, "checkpoint", "set", "cp", "4", "--lease", "ships/parts/7", "--yes")
	require.Contains(t, o.Err, "There is no part 7 of fleet ships: is that the name under which the worker runs?")
}

// The variables of a program under leader run say nothing about another worker's checkpoint.
func TestCheckpointSetInAProgram(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.save(t, "cp", "orders", 5)
	cmd := commandtest.Command(t, "checkpoint", "set", "cp", "4", "--yes", "--store", s.url)
	cmd.Env = append(cmd.Env, leaseVariable+"=script", "LEADER_TOKEN=99")
	require.Zero(t, commandtest.End(t, cmd).Code)
	require.Contains(t, s.run(t, "checkpoint", "show", "cp").Out, "lease   orders\n  token   7\n")
}

// Where it is not known whose it is, that is said, and how to say it.
func TestCheckpointSetNeedsAnOwner(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	says := "name with --lease the lease under which its worker runs"
	s.run(t, "checkpoint", "set", "cp", "4", "--yes").Want(t, exitUsage, `there is no checkpoint "cp", so it is not known whose it will be: `+says)
	s.run(t, "checkpoint", "set", "cp", "4", "--yes", "--token", "1").Want(t, exitUsage, says)
	o := s.run(t, "checkpoint", "set", "cp", "4", "--yes", "--lease", "orders")
	require.Zero(t, o.Code, o.Err)
	require.Contains(t, o.Err, "Lease orders was never taken: is that the name under which the worker runs?\n")

	s.spoil(t, "cp")
	s.run(t, "checkpoint", "show", "cp").Want(t, exitFailed, "overwrite it with leader checkpoint set")
	s.run(t, "checkpoint", "set", "cp", "5", "--yes").Want(t, exitFailed, "to replace it, "+says)
	o = s.run(t, "checkpoint", "set", "cp", "5", "--yes", "--lease", "orders")
	require.Zero(t, o.Code, o.Err)
	require.Regexp(t, `^cp  unreadable file://.*its kind is "", not "checkpoint".*overwrite it with leader checkpoint set\n`, o.Out, "and why")
	require.Contains(t, s.run(t, "checkpoint", "show", "cp").Out, "value   5\n")
}

// A name that was meant to be given, and is that of a variable that is not set, does not count as none.
func TestCheckpointSetWithAnEmptyLease(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.save(t, "cp", "orders", 5)
	for _, wrong := range []struct{ lease, says string }{{"", "--lease: invalid lease request: the name is empty"}, {"a\nb", "control character"}} {
		s.run(t, "checkpoint", "set", "cp", "4", "--yes", "--lease", wrong.lease).Want(t, exitUsage, wrong.says)
		s.run(t, "checkpoint", "set", "cp", "4", "--yes", "--lease="+wrong.lease, "--token", "0").Want(t, exitUsage, wrong.says)
	}
	s.run(t, "checkpoint", "set", "cp", "4", "--yes", "--token", "").Want(t, exitUsage, "--token")
	o := s.run(t, "checkpoint", "show", "cp")
	require.Contains(t, o.Out, "token   7\n")
	require.Contains(t, o.Out, "value   5\n")
}

// What a newer program wrote is not replaced, also with the name of its lease.
func TestCheckpointSetKeepsANewerFormat(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.write(t, "cp", `{"kind":"checkpoint","format":2,"lease":"orders","token":5,"writer":"w","count":1,"value":{"new":1}}`)
	for _, flags := range [][]string{nil, {"--lease", "orders"}, {"--lease", "orders", "--token", "0"}} {
		o := s.run(t, append([]string{"checkpoint", "set", "cp", "7", "--yes"}, flags...)...)
		o.Want(t, exitFailed, "its format is 2, and this program reads up to 1: update this program")
		require.Empty(t, o.Out)
		require.NotContains(t, o.Err, "--lease", "that would not help")
	}
	s.run(t, "checkpoint", "show", "cp").Want(t, exitFailed, "its format is 2")
}

// spoil writes a lease's record where a checkpoint is.
func (s shelf) spoil(t testing.TB, name string) {
	t.Helper()
	s.write(t, name, `{"format":1,"token":7}`)
}

// write writes the checkpoint's cell.
func (s shelf) write(t testing.TB, name, data string) {
	t.Helper()
	cells, ok := lease.StoreOf(s)
	require.True(t, ok)
	found, err := cells.Load(t.Context(), lease.CheckpointPrefix+name)
	require.NoError(t, err)
	_, err = cells.Swap(t.Context(), lease.CheckpointPrefix+name, found.Version, []byte(data))
	require.NoError(t, err)
}

// After the lease's record was deleted, its tokens are smaller than the checkpoint's: the command says what the library's error asks for.
func TestCheckpointSetAfterTheRecordWasDeleted(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.save(t, "cp", "orders", 5)
	held := s.acquire(t, "orders", "node-1", time.Hour, nil)
	o := s.run(t, "checkpoint", "set", "cp", "4", "--yes")
	require.Zero(t, o.Code, o.Err)
	require.Equal(t, "node-1 holds lease orders: if its work has the checkpoint open, its next save fails.\n"+
		"No term can claim the checkpoint before lease orders has token 7, and the next has 1: --token 0 lets every term.\n", o.Err)
	o = s.run(t, "checkpoint", "set", "cp", "4", "--yes", "--token", "0")
	require.NotContains(t, o.Err, "No term")
	require.NoError(t, s.Release(t.Context(), held))
	require.Equal(t, 4.0, s.save(t, "cp", "orders", nil, 2).Value())
}
