package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
)

// statusOf returns the fleet, by the command.
func statusOf(t *testing.T, s shelf) (f fleetEntry) {
	t.Helper()
	o := commandtest.End(t, commandtest.Command(t, "fleet", "status", "ships", "--store", s.url, "--json"))
	require.NoError(t, json.Unmarshal([]byte(o.Out), &f), o.Err)
	return f
}

// A part is pinned to a node, as status shows, and unpinned; a node is drained, and takes parts again.
func TestFleetMoveAndDrain(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	do := func(args ...string) commandtest.Outcome {
		return commandtest.End(t, commandtest.Command(t, append([]string{"fleet", args[0], "ships", "--store", s.url}, args[1:]...)...))
	}
	join(t, s, "a", 4)
	join(t, s, "b", 4)
	require.Eventually(t, func() bool { l := loads(t, s); return l["a"] == 2 && l["b"] == 2 }, time.Minute, 50*time.Millisecond)
	part := ""
	for _, p := range statusOf(t, s).Parts {
		if p.Node == "a" {
			part = p.Part
		}
	}
	o := do("move", part, "--to", "b")
	require.Equal(t, 0, o.Code, o.Err)
	assert.Regexp(t, `^Pinned. Part \d is to be with b.\nIt is there, with token \d+.\n$`, o.Out)
	for _, p := range statusOf(t, s).Parts {
		if p.Part == part {
			assert.Equal(t, "b", p.Pinned)
			assert.Equal(t, "b", p.Node)
		}
	}
	assert.Regexp(t, `WHY +PINNED TO`, do("status").Out)
	for _, wrong := range [][]string{
		{"move", part}, {"move", part, "--to", "b", "--unpin"}, {"move", "99", "--to", "b"}, {"move", part, "--to", "x"},
		{"drain"}, {"drain", "b", "--seat", "1"}, {"drain", "x"}, {"drain", "--seat", "77"},
	} {
		assert.Equal(t, exitUsage, do(wrong...).Code, wrong)
	}
	assert.Equal(t, 0, do("move", part, "--unpin").Code)
	assert.NotContains(t, do("status").Out, "PINNED")

	o = do("drain", "a")
	require.Equal(t, 0, o.Code, o.Err)
	assert.Regexp(t, `^a, in seat \d, has \d parts?.\nDrained. It has no part any more, and gets none.\n$`, o.Out)
	assert.Contains(t, do("status").Out, "draining")
	assert.Zero(t, loads(t, s)["a"])
	o = do("drain", "a", "--cancel")
	require.Equal(t, 0, o.Code, o.Err)
	require.Eventually(t, func() bool { return loads(t, s)["a"] == 2 }, time.Minute, 50*time.Millisecond)
	o = do("drain", "a", "--cancel")
	assert.Equal(t, 1, o.Code)
	assert.Contains(t, o.Err, "does not drain")
}

// Nodes of one name are named by their seats.
func TestNodeIn(t *testing.T) {
	t.Parallel()
	o := fleet.Overview{Fleet: "ships", Nodes: []fleet.NodeInfo{
		{Seat: 1, Node: "a", State: lease.Held}, {Seat: 2, Node: "a", State: lease.Held}, {Seat: 3, Node: "b", State: lease.Free},
	}}
	_, err := nodeIn(o, "a", 0)
	require.EqualError(t, err, `fleet "ships": several nodes have the name "a": give one of --seat 1, --seat 2`)
	n, err := nodeIn(o, "", 2)
	require.NoError(t, err)
	assert.Equal(t, 2, n.Seat)
	_, err = nodeIn(o, "b", 0)
	require.EqualError(t, err, `fleet "ships": no node "b" holds a seat`)
	_, err = nodeIn(o, "", 3)
	require.EqualError(t, err, `fleet "ships": nobody holds seat 3`)
}
