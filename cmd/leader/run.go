package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/cmd/leader/internal/guard"
	"github.com/cloudlease/leader/cmd/leader/internal/health"
	"github.com/cloudlease/leader/cmd/leader/internal/logs"
	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/signals"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease"
)

// runFlags has the flags of leader run.
type runFlags struct {
	name, node                                          string
	length, renewEvery, acquireEvery, stop, holdAtLeast time.Duration
	drain                                               time.Duration
	attributes                                          attributes
	once                                                bool
	heldCode                                            int
	health                                              health.Check
	healthAfter                                         int // failures in a row
	listen                                              string
	follow                                              hosts
	logs                                                logs.Flags
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [flags] -- program [args...]",
		Short: "Run a program while this node leads",
		Long:  runHelp,
		Example: `  leader run --store 'dynamodb://leases?region=eu-west-1' --name orders \
    -- ./orders
  leader run --store s3://leases --name report --once --lease-length 1m \
    --hold-at-least 1m -- ./nightly-report`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("there is no program to run: leader run [flags] -- program [args...]"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd.Flags().Changed); err != nil {
				return usage(err)
			}
			if code, is := guard.AsFirst(); is {
				return &exitError{code: code}
			}
			return a.run(cmd.Context(), f, args)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (f *runFlags) register(flags *pflag.FlagSet) {
	flags.SetInterspersed(false) // what follows the program's name is the program's
	flags.StringVar(&f.name, "name", defaultName, "`name` of the lease")
	flags.StringVar(&f.node, "node", "", "`name` of this node, for people and for leader handover (default the host's, the process id and some random characters)")
	flags.DurationVar(&f.length, "lease-length", leader.DefaultLeaseLength, "how long the lease holds from each renewal, and how long nobody replaces a dead leader")
	flags.DurationVar(&f.renewEvery, "renew-every", 0, "how often the leader renews (default a third of --lease-length)")
	flags.DurationVar(&f.acquireEvery, "acquire-every", 0, "how often a standby asks for the lease (default a third of --lease-length)")
	flags.DurationVar(&f.stop, "stop-timeout", 0, "how long the program may take to end after SIGTERM if the lease cannot be kept (default a sixth of --lease-length)")
	flags.DurationVar(&f.drain, "drain-timeout", drainTimeout, "how long the program may take to end after SIGTERM if leader is asked to stop; the lease is kept meanwhile")
	flags.Var(&f.attributes, "attribute", "publish `key=value` with the lease, the value as it is; may be repeated")
	flags.BoolVar(&f.once, "once", false, "for a job that is triggered on many machines: try once, run the job to its end, and do not wait if another node holds the lease")
	flags.DurationVar(&f.holdAtLeast, "hold-at-least", 0, "with --once: keep the lease at least so long, so that a late trigger does not run the job again; at most --lease-length (default not at all)")
	flags.IntVar(&f.heldCode, "held-exit-code", 0, "with --once: exit `code` if another node holds the lease; if not 0, an error says so, too")
	flags.StringVar(&f.health.Command, "health-cmd", "", "shell `command` that says whether this node may lead: it must exit with 0")
	flags.StringVar(&f.health.URL, "health-http", "", "`URL` that says whether this node may lead: it must answer with 2xx")
	flags.IntVar(&f.healthAfter, "health-after", 1, "`number` of health checks in a row that must fail before this node may not lead")
	flags.DurationVar(&f.health.Timeout, "health-timeout", 0, "how long a health check may take (default a little less than --renew-every)")
	flags.StringVar(&f.listen, "listen", "", "`address` to serve /leader, /standby, /healthz, /status, /watch and a page on, such as :8080")
	f.follow.register(flags)
	f.logs.Register(flags)
}

// check reports everything that is wrong with the flags, for any store.
func (f *runFlags) check(given func(string) bool) error {
	var problems []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	refuse(f.holdAtLeast < 0, "--hold-at-least %v is negative", f.holdAtLeast)
	refuse(f.holdAtLeast > f.length, "--hold-at-least %v is more than --lease-length %v: nothing holds a lease longer", f.holdAtLeast, f.length)
	refuse(f.heldCode < 0 || f.heldCode > 255, "--held-exit-code %d: it is 0 to 255", f.heldCode)
	refuse(f.healthAfter < 1, "--health-after %d: at least one failure makes a node unhealthy", f.healthAfter)
	refuse(len(f.follow) > 0 && f.once, "--follow is for nodes that wait: with --once none does")
	for _, name := range []string{"hold-at-least", "held-exit-code"} {
		refuse(given(name) && !f.once, "--%s is for --once", name)
	}
	for _, name := range []string{"health-after", "health-timeout"} {
		refuse(given(name) && f.health.Func() == nil, "--%s is for --health-cmd and --health-http", name)
	}
	return errors.Join(append(problems, f.logs.Validate(), f.health.Validate(), checkListen(f.listen), f.follow.check(f.listen, f.attributes))...)
}

// findProgram returns the path of the program to run, once it is certain that it can be run under a guard.
func findProgram(argv []string) (string, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return "", &exitError{code: guard.StartCode(err), err: err}
	}
	return path, guard.Ready()
}

// run is leader run.
func (a *app) run(ctx context.Context, f runFlags, argv []string) error {
	path, err := findProgram(argv)
	if err != nil {
		return err
	}
	return a.onStore(ctx, func(s *store.Store) error {
		if err := checkNested(ctx, s, f.name); err != nil {
			return err
		}
		timing, renewEvery, err := f.plan(lease.LimitsOf(s.Manager))
		if err != nil {
			return usage(err)
		}
		program := &guard.Program{Path: path, Argv: argv, Timing: timing, StoreURL: a.store, Keep: f.holdAtLeast > 0, Logs: f.logs}
		return a.runOn(ctx, s, f, renewEvery, program)
	})
}

// runOn runs the program when this node leads.
func (a *app) runOn(ctx context.Context, s *store.Store, f runFlags, renewEvery time.Duration, program *guard.Program) error {
	received := signals.Watch() // until here, they end this process at once
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lines := logs.NewBacklog(a.err, f.logs)
	defer lines.Close()
	log := logs.New(lines, f.logs)
	r := &runner{stopping: ctx, once: f.once, program: program}
	r.leader = leader.New(append(f.options(s.Manager, log, renewEvery, program.Timing), leader.WhenStarted(r.work))...)
	node := r.leader.Status().Node
	program.Env = []string{leaseVariable + "=" + f.name, holderVariable + "=" + node}
	r.log = log.With("lease", f.name, "node", node)
	program.Log = r.log

	if f.listen != "" {
		stop, err := serve(leaderhttp.Handler(r.leader), f.listen, r.log)
		if err != nil {
			return err
		}
		defer stop()
	}
	r.log.Info("if the lease cannot be renewed, the program gets SIGTERM and SIGKILL so long before the lease ends",
		"sigterm", program.Timing.Margin().String(), "sigkill", program.Timing.Kill.String(), "drain_timeout", program.Timing.Drain.String())
	go (&stopper{
		signal: func(s os.Signal) bool { return program.Signal(s, r.leading()) }, kill: func() { program.Kill() },
		cancel: cancel, log: r.log, onTerminal: show.IsTerminal(a.in),
	}).handle(received)
	return r.run(f.heldCode)
}

// options returns the options of the Leader.
func (f *runFlags) options(m lease.Manager, log *slog.Logger, renewEvery time.Duration, t guard.Timing) []leader.Option {
	options := []leader.Option{
		leader.WithLeaseManager(m), leader.WithLeaseName(f.name), leader.WithLogger(log),
		leader.WithLeaseLength(f.length), leader.WithRenewEvery(renewEvery),
		leader.WithStopMargin(t.Margin()), leader.WithStopTimeout(max(t.Stop, t.Drain) + f.length), // of what SIGKILL does not end
		leader.WithHoldAtLeast(f.holdAtLeast), leader.WithAttributes(f.attributes),
	}
	if f.node != "" {
		options = append(options, leader.WithNodeID(f.node))
	}
	if f.acquireEvery != 0 {
		options = append(options, leader.WithAcquireEvery(f.acquireEvery))
	}
	if check := f.health.Func(); check != nil {
		options = append(options, leader.WithHealth(check, leader.After(f.healthAfter)))
	}
	if len(f.follow) > 0 {
		options = append(options, leader.WithWake(f.follow.wait()))
	}
	return options
}

// serve answers load balancers and people until stop is called.
func serve(handler http.Handler, address string, log *slog.Logger) (stop func(), err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second,
		DisableGeneralOptionsHandler: true, // it answers OPTIONS * with 200 on every node
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("--listen: the server has stopped", "err", err)
		}
	}()
	log.Info("listening", "address", listener.Addr().String())
	return func() {
		_ = server.Close()
		<-done
	}, nil
}

// guardCommand is the command that leader run starts itself with.
func guardCommand() *cobra.Command {
	return &cobra.Command{
		Use:                guard.Name,
		Short:              "What leader run starts a program with; not for people",
		Hidden:             true,
		DisableFlagParsing: true,
		// It has what leader made of the flags: their variables, which may be wrong where a flag was given, are not for it.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(_ *cobra.Command, args []string) error {
			if err := guard.Main(args); err != nil {
				return usage(err)
			}
			return nil
		},
	}
}
