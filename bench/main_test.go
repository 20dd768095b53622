package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/bench/internal/gate"
	"github.com/cloudlease/leader/bench/internal/requests"
	"github.com/cloudlease/leader/bench/internal/size"
)

// The page's sizes are those that the gate has accepted since, to a twentieth.
func TestPageHasTheGatesSizes(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "benchmarks", "size.json"))
	require.NoError(t, err)
	var page struct{ Result size.Result }
	require.NoError(t, json.Unmarshal(text, &page))
	accepted, err := gate.Read("gate.json")
	require.NoError(t, err)
	bytes := accepted.Kinds["bytes"]
	require.Len(t, page.Result.Programs, len(bytes))
	for _, p := range page.Result.Programs {
		assert.InEpsilon(t, bytes[p.Name], p.Ours.Stripped, 0.05, "%s has another size by now: make bench PART=size", p.Name)
	}
}

func TestParts(t *testing.T) {
	names := map[string]bool{}
	for _, p := range parts() {
		c := p.command()
		assert.Equal(t, p.name, c.Name())
		assert.False(t, names[p.name], "%s is there twice", p.name)
		names[p.name] = true
		assert.NotNil(t, c.RunE, "%s: bench all calls it", p.name)
		_, err := p.section(json.RawMessage("no JSON"))
		assert.ErrorContains(t, err, "measure it again", p.name)
	}
}

func TestKeepMakesThePage(t *testing.T) {
	docs = t.TempDir()
	t.Cleanup(func() { docs = "" })
	require.NoError(t, render(docs))
	page := func() string {
		data, err := os.ReadFile(filepath.Join(docs, "benchmarks.md"))
		require.NoError(t, err)
		return string(data)
	}
	assert.Contains(t, page(), "Nothing has been measured yet.")

	r := requests.Result{Peers: []requests.Watch{{Name: "a peer of the test", Service: "etcd", Length: 15, Lengths: 10, Leading: requests.Count{Writes: 3}}}}
	require.NoError(t, keep("requests", r))
	assert.Contains(t, page(), "| a peer of the test | 720 writes | none |")
	assert.FileExists(t, filepath.Join(docs, "benchmarks", "requests.json"))
	assert.FileExists(t, filepath.Join(docs, "benchmarks", "requests.svg"))

	require.NoError(t, os.WriteFile(filepath.Join(docs, "benchmarks", "requests.json"), []byte(`{"result": 1}`), 0o600))
	assert.ErrorContains(t, render(docs), "make the section of requests")
}
