package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestList(t *testing.T) {
	t.Parallel()
	s := newFullShelf(t)
	s.needToTell(t)
	o := end(t, command(t, "list", "--store", s.url))
	o.want(t, 0, "")
	lines := strings.Split(steady(o.out), "\n")
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
	o := end(t, command(t, "list", "--store", s.url, "--json"))
	o.want(t, 0, "")
	states := map[string]string{}
	for line := range strings.Lines(o.out) {
		e := decodeJSON[entry](t, line)
		states[e.Lease] = e.State
		require.Equal(t, e.State == unreadable, e.Error != "")
		require.Equal(t, e.State == held || e.State == broken, e.LeftSeconds > 0)
	}
	require.Equal(t, map[string]string{"held": held, "free": free, "expired": expired, "broken": broken, "notes": unreadable}, states)
}

func TestListPrefix(t *testing.T) {
	t.Parallel()
	s := newFullShelf(t)
	o := end(t, command(t, "list", "f", "--store", s.url, "--json"))
	o.want(t, 0, "")
	require.Equal(t, 1, strings.Count(o.out, "\n"))
	require.Equal(t, "free", decodeJSON[entry](t, o.out).Lease)

	o = end(t, command(t, "list", "nothing", "--store", s.url))
	require.Equal(t, outcome{"", "There are no leases.\n", 0}, o)
	o = end(t, command(t, "list", "nothing", "--store", s.url, "--json"))
	require.Equal(t, outcome{}, o)
}
