package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/guard"
	"github.com/cloudlease/leader/cmd/leader/internal/health"
	"github.com/cloudlease/leader/cmd/leader/internal/logs"
	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/signals"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease"
)

// fleetFlags has the flags of leader fleet run.
type fleetFlags struct {
	name, node         string
	shards             int
	parts              []string
	version            uint64
	weight, capacity   int
	length, renewEvery time.Duration
	calm               time.Duration
	stop, drain, leave time.Duration
	attributes         attributes
	health             health.Check
	listen             string
	follow             hosts
	logs               logs.Flags
	given              func(flag string) bool
}

func (a *app) fleetRunCommand() *cobra.Command {
	var f fleetFlags
	cmd := &cobra.Command{
		Use:   "run [flags] -- program [args...]",
		Short: "Run a program for each part that this node has",
		Long:  fleetRunHelp,
		Example: `  leader fleet run --store 'dynamodb://leases?region=eu-west-1' \
    --name orders --shards 64 -- ./worker
  leader fleet run --name tenants --part acme --part globex -- ./worker`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("there is no program to run: leader fleet run [flags] -- program [args...]"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.given = cmd.Flags().Changed
			if err := f.check(); err != nil {
				return usage(err)
			}
			if code, is := guard.AsFirst(); is {
				return &exitError{code: code}
			}
			return a.runFleet(cmd.Context(), f, args)
		},
	}
	f.register(cmd)
	return cmd
}

func (f *fleetFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SetInterspersed(false) // what follows the program's name is the program's
	flags.StringVar(&f.name, "name", fleet.DefaultName, "`name` of the fleet")
	flags.StringVar(&f.node, "node", "", "`name` of this node, for people and for leader fleet move and drain (default the host's, the process id and some random characters)")
	flags.IntVar(&f.shards, "shards", 0, "`number` of parts, whose names are 0, 1, 2 ...: the same on all nodes")
	flags.StringArrayVar(&f.parts, "part", nil, "`name` of a part; may be repeated, and is the same on all nodes")
	flags.Uint64Var(&f.version, "parts-version", 0, "`number` of the list of parts: a node with a smaller one leaves the list of the others alone")
	flags.IntVar(&f.weight, "weight", 1, "`number`: a node with 2 gets twice as many parts as one with 1; one with 0 is a spare, and gets only parts for which no other node has room")
	flags.IntVar(&f.capacity, "capacity", 0, "the most `parts` that this node takes; 0 is no bound")
	flags.DurationVar(&f.length, "lease-length", fleet.DefaultLeaseLength, "how long this node's seat holds from each renewal, and how long its parts wait after a crash")
	flags.DurationVar(&f.renewEvery, "renew-every", 0, "how often this node renews its seat and reads the plan (default a third of --lease-length)")
	flags.DurationVar(&f.calm, "calm", 0, "how long no node may have come or gone before parts move for balance alone (default two lease lengths)")
	flags.DurationVar(&f.stop, "stop-timeout", 0, "how long a program may take to end after SIGTERM if the seat cannot be kept (default a sixth of --lease-length)")
	flags.DurationVar(&f.drain, "drain-timeout", drainTimeout, "how long a program may take to end after SIGTERM if its part moves or leader is asked to stop; the part waits meanwhile")
	flags.DurationVar(&f.leave, "leave-timeout", 0, "how long leader, once it is asked to stop, waits until other nodes take its parts; the programs run on meanwhile (default the lease length)")
	flags.Var(&f.attributes, "attribute", "publish `key=value` with the seat, the value as it is; may be repeated")
	flags.StringVar(&f.health.Command, "health-cmd", "", "shell `command` that says whether this node may have parts: it must exit with 0")
	flags.StringVar(&f.health.URL, "health-http", "", "`URL` that says whether this node may have parts: it must answer with 2xx")
	flags.DurationVar(&f.health.Timeout, "health-timeout", 0, "how long a health check may take (default --renew-every)")
	flags.StringVar(&f.listen, "listen", "", "`address` to serve /healthz, /status and /watch on, such as :8080")
	f.follow.register(flags)
	f.logs.Register(flags)
}

// check reports what is wrong with the flags, for any fleet.
func (f *fleetFlags) check() error {
	var problems []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	refuse(!f.given("shards") && !f.given("part"), "there are no parts: give --shards 64, say, or --part for each")
	refuse(f.given("shards") && f.given("part"), "give --shards or --part, and not both")
	refuse(f.given("health-timeout") && f.health.Func() == nil, "--health-timeout is for --health-cmd and --health-http")
	return errors.Join(append(problems, f.logs.Validate(), f.health.Validate(), checkListen(f.listen), f.follow.check(f.listen, f.attributes))...)
}

// runFleet is leader fleet run.
func (a *app) runFleet(ctx context.Context, f fleetFlags, argv []string) error {
	path, err := findProgram(argv)
	if err != nil {
		return err
	}
	return a.onStore(ctx, func(s *store.Store) error {
		if err := checkNestedFleet(ctx, s, f.name); err != nil {
			return err
		}
		times := runFlags{length: f.length, renewEvery: f.renewEvery, stop: f.stop, drain: f.drain, health: f.health}
		timing, renewEvery, err := times.plan(lease.LimitsOf(s.Manager))
		if err != nil {
			return usage(err)
		}
		return a.runFleetOn(ctx, s, f, renewEvery, fleetProgram{path: path, argv: argv, timing: timing, store: a.store, logs: f.logs})
	})
}

// runFleetOn runs the programs of the parts that this node has.
func (a *app) runFleetOn(ctx context.Context, s *store.Store, f fleetFlags, renewEvery time.Duration, program fleetProgram) error {
	received := signals.Watch() // until here, they end this process at once
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lines := logs.NewBacklog(a.err, f.logs)
	defer lines.Close()
	log := logs.New(lines, f.logs)
	w := &fleetWorker{program: program, fleet: f.name, leave: cancel, running: map[*guard.Program]context.CancelFunc{}}
	node := fleet.New(append(f.options(s.Manager, log, renewEvery, program.timing), fleet.WhenAssigned(w.work))...)
	if err := node.Validate(); err != nil {
		return usage(err)
	}
	w.node = node.Status().Node
	w.log = log.With("fleet", f.name, "node", w.node)
	if f.listen != "" {
		stop, err := serve(leaderhttp.FleetHandler(node), f.listen, w.log)
		if err != nil {
			return err
		}
		defer stop()
	}
	w.log.Info("if the seat cannot be renewed, the programs get SIGTERM and SIGKILL so long before it runs out",
		"sigterm", program.timing.Margin().String(), "sigkill", program.timing.Kill.String(), "drain_timeout", program.timing.Drain.String())
	go (&stopper{signal: w.signal, kill: w.kill, cancel: cancel, log: w.log, onTerminal: show.IsTerminal(a.in), restarts: true}).handle(received)
	err := node.Run(ctx)
	if never, is := errors.AsType[*exitError](context.Cause(ctx)); is && err == nil { // the program cannot be run
		return never
	}
	return err
}

// options returns the options of the node.
func (f *fleetFlags) options(m lease.Manager, log *slog.Logger, renewEvery time.Duration, t guard.Timing) []fleet.Option {
	options := []fleet.Option{
		fleet.WithLeaseManager(m), fleet.WithName(f.name), fleet.WithLogger(log),
		fleet.WithLeaseLength(f.length), fleet.WithInterval(renewEvery),
		fleet.WithStopTimeout(max(t.Stop, t.Drain) + f.length), // of what SIGKILL does not end
		fleet.WithWeight(f.weight), fleet.WithCapacity(f.capacity),
		fleet.WithPartsVersion(f.version), fleet.WithAttributes(f.attributes),
	}
	if f.given("shards") {
		options = append(options, fleet.WithShards(f.shards))
	} else {
		options = append(options, fleet.WithParts(f.parts...))
	}
	if f.node != "" {
		options = append(options, fleet.WithNodeID(f.node))
	}
	if f.given("calm") {
		options = append(options, fleet.WithCalm(f.calm))
	}
	if f.given("leave-timeout") {
		options = append(options, fleet.WithDrainTimeout(f.leave))
	}
	if check := f.health.Func(); check != nil {
		options = append(options, fleet.WithHealth(check))
	}
	if len(f.follow) > 0 {
		options = append(options, fleet.WithWake(f.follow.wait()))
	}
	return options
}
