// Command gate counts what the library uses, and compares the figures with bench/gate.json. It is quick and measures no time,
// so it can run before every change is taken:
//
//	go -C bench run ./gate           compares
//	go -C bench run ./gate -update   accepts the new figures
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/cloudlease/leader/bench/internal/gate"
	"github.com/cloudlease/leader/bench/internal/minimal"
)

func main() {
	update := flag.Bool("update", false, "accept what is counted now: write bench/gate.json")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	differences, err := run(ctx, *update)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
	case differences != "":
		fmt.Fprint(os.Stderr, differences)
	default:
		return
	}
	os.Exit(1)
}

func run(ctx context.Context, update bool) (differences string, err error) {
	m, err := minimal.Find(ctx)
	if err != nil {
		return "", err
	}
	now, err := gate.Measure(ctx)
	if err != nil {
		return "", err
	}
	file := filepath.Join(m.Dir, "bench", "gate.json")
	if update {
		return "", now.Write(file)
	}
	committed, err := gate.Read(file)
	if err != nil {
		return "", err
	}
	differences, left := gate.Compare(committed, now)
	for _, l := range left {
		fmt.Fprintln(os.Stderr, "gate:", l)
	}
	return differences, nil
}
