// Command mutate takes the rules of the protocol out of the code, one at a time, and checks that the tests notice. It applies
// each mutation to a copy of the module, compiles it, and runs the simulation; if a bounded number of worlds does not find it,
// it runs other tests. It prints a table, and fails if a mutation survives, or if what found one fails without it, too.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"text/tabwriter"
	"time"
)

// all are the mutations. Each takes out one rule.
var all = slices.Concat(mutations, values, fences, azure, ends, runEnd, safety, liveness, hints, wishes, histories, fleets, fleetProtocol, fleetRollback, fleetPins, fleetAsked)

func main() {
	worlds := flag.Int("worlds", 1500, "how many simulated worlds a mutation may survive, before other tests are run")
	only := flag.String("only", "", "a regular expression: only mutations whose name it matches")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	match, err := regexp.Compile(*only)
	if err != nil {
		fail(fmt.Errorf("-only: %w", err))
	}
	var chosen []mutation
	for _, m := range all {
		if match.MatchString(m.name) {
			chosen = append(chosen, m)
		}
	}
	survivors, err := run(ctx, os.Stdout, chosen, *worlds, "./lease", ".", "./internal/explore")
	if err != nil {
		fail(err)
	}
	if survivors > 0 {
		fail(fmt.Errorf("%d of %d mutations survive: that rule can be taken out, and no test sees it", survivors, len(chosen)))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "mutate:", err)
	os.Exit(1)
}

// run tries the mutations, prints the table, and returns how many survive the worlds and the tests of the packages.
func run(ctx context.Context, out io.Writer, chosen []mutation, worlds int, packages ...string) (survivors int, err error) {
	c, err := copyModule(ctx)
	if err != nil {
		return 0, err
	}
	defer c.remove()
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer func() { err = errors.Join(err, t.Flush()) }() // also of those that were tried before an error
	fmt.Fprintln(t, "mutation\tfound by\tworlds\ttook\tit said")
	for i, m := range chosen {
		begun := time.Now()
		f, err := c.try(ctx, m, worlds, packages)
		if err == nil && f.by != "" {
			err = c.control(ctx, f.with)
		}
		if err != nil {
			return survivors, fmt.Errorf("%s: %w", m.name, err)
		}
		if f.by == "" {
			survivors++
			f.by = "SURVIVES"
		}
		took := time.Since(begun).Round(time.Second)
		fmt.Fprintf(os.Stderr, "%d/%d %s: %s, %v\n", i+1, len(chosen), m.name, f.by, took)
		fmt.Fprintf(t, "%s\t%s\t%d\t%v\t%s\n", m.name, f.by, f.worlds, took, f.said)
	}
	return survivors, nil
}
