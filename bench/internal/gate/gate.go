// Package gate keeps the library from growing unnoticed: it counts what can be counted exactly, and compares the figures with
// the committed ones. It measures no time, so it gives the same result on every machine and under every load.
//
// It does not count the requests that each store sends. Package leasetest does that as exactly, where there are emulators, in
// the tests of the stores ("requests" and "requests of a takeover").
package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"go/version"
	"os"
	"runtime"
)

// Figures are all counts, by kind and by name.
type Figures struct {
	Go     string                      `json:"go"`     // the minor version: go1.26
	System string                      `json:"system"` // for example linux/amd64
	Kinds  map[string]map[string]int64 `json:"figures"`
}

// A kind of figure.
type kind struct {
	name    string
	about   string
	sameGo  bool    // it depends on Go's minor version, and can only be compared with figures of the same
	sameOS  bool    // it depends on the system, too
	within  float64 // the part by which it may differ; 0: it is exact
	measure func(ctx context.Context) (map[string]int64, error)
}

var kinds = []kind{
	{name: "calls", about: "calls of the store", measure: storeCalls},
	{name: "allocations", about: "allocations of the protocol in a call", sameGo: true, measure: allocations},
	{name: "goroutines", about: "goroutines of 100 leases", measure: goroutines},
	{name: "packages", about: "packages of a small program, but for the standard library's", sameGo: true, measure: packages},
	{name: "bytes", about: "bytes of a small program, linked with -s -w", sameGo: true, sameOS: true, within: 0.02, measure: sizes},
}

// Measure counts everything on this machine.
func Measure(ctx context.Context) (Figures, error) {
	f := Figures{Go: version.Lang(runtime.Version()), System: runtime.GOOS + "/" + runtime.GOARCH, Kinds: map[string]map[string]int64{}}
	for _, k := range kinds {
		counted, err := k.measure(ctx)
		if err != nil {
			return Figures{}, fmt.Errorf("gate: %s: %w", k.name, err)
		}
		f.Kinds[k.name] = counted
	}
	return f, nil
}

// Read reads committed figures.
func Read(file string) (f Figures, err error) {
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil {
		return Figures{}, fmt.Errorf("gate: read the committed figures: %w; %s", err, accept)
	}
	return f, nil
}

// Write writes figures that are to be committed.
func (f Figures) Write(file string) error {
	data, err := json.MarshalIndent(f, "", "  ")
	if err == nil {
		err = os.WriteFile(file, append(data, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("gate: write the figures: %w", err)
	}
	return nil
}
