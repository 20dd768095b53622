// Package experiment lets the workers go wrong, and looks at what they leave. It is no part of the program to copy: it starts the
// processes, kills, suspends and cuts them off (faults.go), and judges (verify.go).
package experiment

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"
)

// Options say how the experiment goes.
type Options struct {
	For         time.Duration // how long workers go wrong, at least
	LeaseLength time.Duration
	Seed        uint64 // of the random misfortunes; 0: another one each time
	SQLite      bool   // instead of PostgreSQL
	Fleet       bool   // of partitions, instead of the two elections
}

// Run does the experiment, and tells its story. Its error names the rules that were broken.
func Run(ctx context.Context, out io.Writer, args []string) error {
	var o Options
	flags := flag.NewFlagSet("catchup", flag.ContinueOnError)
	flags.DurationVar(&o.For, "for", time.Minute, "how long workers go wrong, at least")
	flags.DurationVar(&o.LeaseLength, "lease-length", 2*time.Second, "of the workers' leases")
	flags.Uint64Var(&o.Seed, "seed", 0, "of the misfortunes; 0: another one each time")
	flags.BoolVar(&o.SQLite, "sqlite", false, "use SQLite instead of PostgreSQL")
	flags.BoolVar(&o.Fleet, "fleet", false, "divide the events over the nodes by their partitions, instead of one leader for all events")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return o.run(ctx, out)
}

func (o Options) run(ctx context.Context, out io.Writer) error {
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	server := ""
	if !o.SQLite {
		address, stop, err := startPostgres(ctx)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if err != nil {
			fmt.Fprintf(out, "There is no PostgreSQL here, so this is SQLite: %v\n\n", err)
		} else {
			defer stop()
			server = address
		}
	}
	dir, err := os.MkdirTemp("", "leader-catchup-")
	if err != nil {
		return err
	}
	s := &story{
		Options: o, ctx: ctx, out: out, began: time.Now(), random: rand.New(rand.NewPCG(o.Seed, 0)),
		documents: newDocuments(), leaders: map[string]event{}, workedOn: map[term][]string{}, faults: map[string]int{},
	}
	switch err := s.tell(dir, server); {
	case ctx.Err() != nil:
		return errors.Join(errors.New("interrupted"), os.RemoveAll(dir))
	case err != nil:
		return fmt.Errorf("%w\nthe nodes' logs are in %s", err, dir)
	}
	return os.RemoveAll(dir)
}
