// Package size measures what the library adds to a program: bytes, packages, modules, and time until it leads.
package size

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/cloudlease/leader/bench/internal/minimal"
	"github.com/cloudlease/leader/bench/internal/minimal/places"
	"github.com/cloudlease/leader/bench/internal/overhead/paired"
)

// Options say what to measure. The zero Options measure all programs, as on the page.
type Options struct {
	Programs []string                      // of minimal.Programs; none: all
	Runs     int                           // of each program; 0: 30
	Seed     uint64                        // of the order within each pair, and of the intervals
	Log      func(format string, a ...any) // progress; nil: none
}

// A Result is all that was measured.
type Result struct {
	Programs []Program `json:"programs"`
}

// A Program is a program with a leader, beside one that sends the same requests with the SDK alone.
type Program struct {
	Name  string            `json:"name"`
	Ours  Binary            `json:"ours"`
	Bare  Binary            `json:"bare"`
	Start paired.Comparison `json:"start"` // the time until it leads, or has sent its requests
}

// A Binary describes the output of go build for a program.
type Binary struct {
	Bytes    int64 `json:"bytes"`
	Stripped int64 `json:"stripped"` // bytes with -trimpath -ldflags='-s -w'
	Standard int   `json:"standard"` // packages of the standard library
	Others   int   `json:"others"`   // other packages
	Modules  int   `json:"modules"`
}

// opener makes a place for a program, and returns its name and a function that removes it.
type opener func(ctx context.Context) (name string, remove func(context.Context) error, err error)

var openers = map[string]opener{
	"dynamodb": service(places.DynamoDB), "s3": service(places.S3), "gcs": service(places.GCS), "azblob": service(places.Azure),
	"file": func(context.Context) (string, func(context.Context) error, error) {
		dir, err := os.MkdirTemp("", "leader-size-")
		return dir, func(context.Context) error { return os.RemoveAll(dir) }, err
	},
	"memory": func(context.Context) (string, func(context.Context) error, error) {
		return "nowhere", func(context.Context) error { return nil }, nil
	},
}

func service[C any](open func(context.Context) (places.Place[C], error)) opener {
	return func(ctx context.Context) (string, func(context.Context) error, error) {
		p, err := open(ctx)
		return p.Name, p.Remove, err
	}
}

// Measure builds the programs and runs them, for which it needs the emulators of their services.
func Measure(ctx context.Context, o Options) (r Result, err error) {
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.Runs == 0 {
		o.Runs = 30
	}
	module, err := minimal.Find(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("size: %w", err)
	}
	dir, err := os.MkdirTemp("", "leader-size-")
	if err != nil {
		return Result{}, fmt.Errorf("size: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w := workshop{module, dir, map[string]Binary{}}
	for _, p := range minimal.Programs {
		if len(o.Programs) > 0 && !slices.Contains(o.Programs, p.Name) {
			continue
		}
		measured, err := w.measure(ctx, p, o)
		if err != nil {
			return Result{}, fmt.Errorf("size: %s: %w", p.Name, err)
		}
		r.Programs = append(r.Programs, measured)
	}
	if len(r.Programs) == 0 {
		return Result{}, fmt.Errorf("size: none of the programs %q is known: use dynamodb, s3, gcs, azblob, file and memory", o.Programs)
	}
	return r, nil
}

// A workshop is where programs are built.
type workshop struct {
	module minimal.Module
	dir    string
	built  map[string]Binary // by folder
}

func (w workshop) measure(ctx context.Context, p minimal.Program, o Options) (result Program, err error) {
	place, remove, err := openers[p.Name](ctx)
	if err != nil {
		return Program{}, err
	}
	defer func() { err = errors.Join(err, remove(ctx)) }()
	o.Log("%s: build", p.Name)
	result.Name = p.Name
	if result.Ours, err = w.build(ctx, p.Name); err != nil {
		return Program{}, err
	}
	if result.Bare, err = w.build(ctx, p.Bare); err != nil {
		return Program{}, err
	}
	o.Log("%s: start it %d times", p.Name, o.Runs)
	bare, ours := starts(w.binary(p.Bare), place), starts(w.binary(p.Name), place)
	if _, err := paired.Take(ctx, 2, o.Seed, bare, ours); err != nil { // so that both are in the system's cache
		return Program{}, err
	}
	pairs, err := paired.Take(ctx, o.Runs, o.Seed, bare, ours)
	if err != nil {
		return Program{}, err
	}
	result.Start = pairs.Compare(o.Seed)
	return result, nil
}

// binary returns the path of the built program of a folder.
func (w workshop) binary(folder string) string {
	return filepath.Join(w.dir, filepath.Base(filepath.Dir(folder))+"-"+filepath.Base(folder))
}

func (w workshop) build(ctx context.Context, folder string) (b Binary, err error) {
	if b, ok := w.built[folder]; ok {
		return b, nil
	}
	to := w.binary(folder)
	if b.Stripped, err = w.size(ctx, folder, to, "-trimpath", "-ldflags=-s -w"); err != nil {
		return b, err
	}
	if b.Bytes, err = w.size(ctx, folder, to); err != nil { // this one stays
		return b, err
	}
	standard, others, err := w.module.Packages(ctx, folder)
	if err != nil {
		return b, err
	}
	modules, err := w.module.Modules(ctx, to)
	if err != nil {
		return b, err
	}
	b.Standard, b.Others, b.Modules = len(standard), len(others), len(modules)
	w.built[folder] = b
	return b, nil
}

func (w workshop) size(ctx context.Context, folder, to string, flags ...string) (int64, error) {
	if err := w.module.Build(ctx, folder, to, flags...); err != nil {
		return 0, err
	}
	info, err := os.Stat(to)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
