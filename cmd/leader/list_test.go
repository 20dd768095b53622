package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
)

func TestList(t *testing.T) {
	t.Parallel()
	s := newFullShelf(t)
	s.needToTell(t)
	o := commandtest.End(t, commandtest.Command(t, "list", "--store", s.url))
	o.Want(t, 0, "")
	lines := strings.Split(steady(o.Out), "\n")
	require.Len(t, lines, 7)
	var words [][]string
	for _, line := range lines[:6] {
		words = append(words, strings.Fields(line))
	}
	require.Equal(t, []string{"LEASE", "STATE", "HOLDER", "TOKEN", "SINCE", "TIME", "LEFT", "ATTRIBUTES"}, words[0])
	require.Equal(t, []string{"broken", "broken", "nobody", "2", "TIME", "up", "to", "TIME", "broken=node-1"}, words[1])
	require.Equal(t, []string{"expired", "expired", "-", "1", "-", "-"}, words[2])
	require.Equal(t, []string{"free", "free", "-", "1", "-", "-"}, words[3])
	require.Equal(t, []string{"held", "held", "node-1", "1", "TIME", "up", "to", "TIME", "address=10.0.0.1:80", "zone=b"}, words[4])
	require.Equal(t, []string{"notes", "unreadable", "-", "0", "-", "-"}, words[5][:6])
	require.Contains(t, lines[5], "not a lease record")
	for _, line := range lines {
		require.Equal(t, strings.TrimRight(line, " "), line)
	}
}

func TestListJSON(t *testing.T) {
	t.Parallel()
	s := newFullShelf(t)
	s.needToTell(t)
	o := commandtest.End(t, commandtest.Command(t, "list", "--store", s.url, "--json"))
	o.Want(t, 0, "")
	states := map[string]string{}
	for line := range strings.Lines(o.Out) {
		e := decodeJSON[entry](t, line)
		states[e.Name] = e.State
		require.Equal(t, e.State == unreadable, e.Error != "")
		require.Equal(t, e.State == held || e.State == broken, e.LeftSeconds > 0)
	}
	require.Equal(t, map[string]string{"held": held, "free": free, "expired": expired, "broken": broken, "notes": unreadable}, states)
}

func TestListPrefix(t *testing.T) {
	t.Parallel()
	s := newFullShelf(t)
	o := commandtest.End(t, commandtest.Command(t, "list", "f", "--store", s.url, "--json"))
	o.Want(t, 0, "")
	require.Equal(t, 1, strings.Count(o.Out, "\n"))
	require.Equal(t, "free", decodeJSON[entry](t, o.Out).Name)

	o = commandtest.End(t, commandtest.Command(t, "list", "nothing", "--store", s.url))
	require.Equal(t, commandtest.Outcome{Err: "There are no leases.\n"}, o)
	o = commandtest.End(t, commandtest.Command(t, "list", "nothing", "--store", s.url, "--json"))
	require.Equal(t, commandtest.Outcome{}, o)
}
