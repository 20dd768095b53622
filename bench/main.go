// Command bench measures this library beside the usual alternatives, and makes docs/benchmarks.md from the results. Run it in
// the repository, with the emulators running:
//
//	make bench
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/bench/internal/command"
	"github.com/cloudlease/leader/bench/internal/failover"
	"github.com/cloudlease/leader/bench/internal/fleets"
	"github.com/cloudlease/leader/bench/internal/overhead"
	"github.com/cloudlease/leader/bench/internal/report"
	"github.com/cloudlease/leader/bench/internal/requests"
	"github.com/cloudlease/leader/bench/internal/scale"
	"github.com/cloudlease/leader/bench/internal/size"
)

// A part is one part of the benchmarks.
type part struct {
	name    string // of its command, and of the file with its results
	command func() *cobra.Command
	section func(json.RawMessage) (report.Section, error)
}

// parts returns all parts, in the order of the page.
func parts() []part {
	return []part{
		{"requests", requestsCommand, section[requests.Result]},
		{"fleet", fleetCommand, section[fleets.Result]},
		{"failover", failoverCommand, section[failover.Result]},
		{"handover", handoverCommand, section[failover.Handover]},
		{"command", commandCommand, section[command.Result]},
		{"overhead", overheadCommand, section[overhead.Result]},
		{"scale", scaleCommand, section[scale.Result]},
		{"size", sizeCommand, section[size.Result]},
	}
}

// section makes a section from kept results.
func section[R interface {
	Section() (report.Section, error)
}](raw json.RawMessage) (report.Section, error) {
	var result R
	if err := json.Unmarshal(raw, &result); err != nil {
		return report.Section{}, fmt.Errorf("read the results: %w; measure it again", err)
	}
	return result.Section()
}

// docs is the folder of the page, from --docs; "" is docs in the repository.
var docs string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	root := &cobra.Command{
		Use:           "bench",
		Short:         "Measure this library beside what is used instead, and make docs/benchmarks.md of the results",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&docs, "docs", "", "folder of the page and the results (default: docs, of the repository)")
	for _, p := range parts() {
		root.AddCommand(p.command())
	}
	root.AddCommand(pageCommand(), allCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func pageCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "page",
		Short: "Make the page again of the results that are kept, without measuring",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, folder, err := places()
			if err != nil {
				return err
			}
			return render(folder)
		},
	}
}

func allCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "all",
		Short: "Measure every part, one after the other, with the defaults of its flags",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var failed []error // a part that fails does not keep the others from being measured
			for _, p := range parts() {
				if cmd.Context().Err() != nil {
					break
				}
				c := p.command()
				c.SetContext(cmd.Context())
				log("%s", p.name)
				if err := c.RunE(c, nil); err != nil {
					failed = append(failed, fmt.Errorf("%s: %w", p.name, err))
				}
			}
			return errors.Join(append(failed, cmd.Context().Err())...)
		},
	}
}

// log reports progress on stderr.
func log(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// keep writes the results of a part, and makes the page again.
func keep(part string, result any) error {
	root, folder, err := places()
	if err != nil {
		return err
	}
	if err := report.Keep(filepath.Join(folder, "benchmarks"), report.Here(part, root), result); err != nil {
		return err
	}
	return render(folder)
}

// render makes the page from the kept results.
func render(folder string) error {
	results := filepath.Join(folder, "benchmarks")
	var entries []report.Entry
	for _, p := range parts() {
		kept, err := report.Kept(results, p.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		s, err := p.section(kept.Result)
		if err != nil {
			return fmt.Errorf("make the section of %s: %w", p.name, err)
		}
		for _, plot := range s.Plots {
			if err := os.WriteFile(filepath.Join(results, plot.File), plot.SVG, 0o644); err != nil {
				return fmt.Errorf("make the section of %s: %w", p.name, err)
			}
		}
		entries = append(entries, report.Entry{About: kept.About, Section: s})
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "benchmarks.md"), []byte(report.Page(entries)), 0o644); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	return nil
}

// places finds the repository from the working directory, and the folder of the page.
func places() (root, folder string, err error) {
	here, err := os.Getwd()
	if err != nil {
		return "", "", fmt.Errorf("find the repository: %w", err)
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "bench", "go.mod")); err == nil {
			folder = docs
			if folder == "" {
				folder = filepath.Join(dir, "docs")
			}
			return dir, folder, nil
		}
		if dir == filepath.Dir(dir) {
			return "", "", errors.New("find the repository: no folder above this one has bench/go.mod: run it with go -C bench run . in the repository")
		}
	}
}
