// Command localstack starts the emulators of the cloud services, for tests and examples: LocalStack for DynamoDB and S3,
// fake-gcs-server for GCS, Azurite for Azure Blob. It starts two databases beside them: PostgreSQL and MariaDB.
//
//	go run ./localstack up                      # in the background, until: go run ./localstack down
//	eval "$(go run ./localstack env)"           # makes this shell's programs use them
//	go run ./localstack run -- go test ./...    # starts some for one command only
//	go run ./localstack run -only postgres -- psql ...    # starts one of them
//
// It needs Go and Python 3.11 or later, with venv. At the first call, it installs the rest into the user's cache directory
// (leader-emulators, 1.5 GB), in a few minutes. To uninstall, stop the emulators and remove that directory. Without Python, or
// with -docker, it uses Docker Compose instead. It runs on Linux and macOS; on Windows, use WSL.
//
// The emulators listen on free ports of 127.0.0.1, or on those that flags name, and keep their data in memory. All calls of up
// and env by one user share the emulators of up. Programs find them by the variables that the services' SDKs read
// (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, STORAGE_EMULATOR_HOST), and by
// AZURE_STORAGE_CONNECTION_STRING. Tests find the databases by LEADER_POSTGRES_URL and LEADER_MARIADB_DSN. LEADER_EMULATORS=1
// tells tests that everything is there: then tests skip nothing.
//
// run passes its signals on to its command. (go run itself passes on only Ctrl-C: a script that sends others builds the
// command first.) The emulators of run end with it, however it ends.
//
// Environment: LEADER_PYTHON names the Python; LEADER_MAVEN_URL names a Maven repository to download from, without mvn.
// Otherwise pip, npm, mvn and go use the mirrors and proxies that they are configured for. If that fails, the command
// downloads for them over HTTPS, without their settings; it reads HTTPS_PROXY and SSL_CERT_FILE.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/cloudlease/leader/localstack/internal/emulators"
	"github.com/cloudlease/leader/localstack/internal/install"
)

const usage = `usage: go run ./localstack COMMAND [flags]

  up          start LocalStack (DynamoDB, S3), fake-gcs-server, Azurite, PostgreSQL and MariaDB in the background, unless they run
  down        stop them
  status      say whether they run, and where; exit with 1 if they do not
  env         print commands that set a shell's environment for them, and start them if they do not run:
                  eval "$(go run ./localstack env)"
  browser     install a headless Chromium for tests of pages, and print its directory
  run -- COMMAND [arguments]
              start emulators for this command only, run it with the environment set, stop them, and exit with its status

flags of up, env and run:
`

func main() {
	os.Exit(command(os.Args[1:]))
}

func command(args []string) int {
	status, err := dispatch(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "localstack:", err)
		return max(status, 1)
	}
	return status
}

func dispatch(args []string) (status int, err error) {
	st := emulators.Starter{Tell: func(line string) { fmt.Fprintln(os.Stderr, line) }}
	flags := flag.NewFlagSet("localstack", flag.ContinueOnError)
	flags.BoolVar(&st.Config.Docker, "docker", false, "use Docker (the default if there is no Python)")
	flags.IntVar(&st.Config.Ports.LocalStack, "localstack-port", 0, "`port` of LocalStack on 127.0.0.1; 0 is a free one")
	flags.IntVar(&st.Config.Ports.GCS, "gcs-port", 0, "`port` of fake-gcs-server")
	flags.IntVar(&st.Config.Ports.Azurite, "azurite-port", 0, "`port` of Azurite")
	flags.IntVar(&st.Config.Ports.Postgres, "postgres-port", 0, "`port` of PostgreSQL")
	flags.IntVar(&st.Config.Ports.MariaDB, "mariadb-port", 0, "`port` of MariaDB")
	flags.StringVar(&st.Config.Only, "only", "", "of run: start this `service` alone; postgres alone is installed within a minute")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	if len(args) == 0 {
		flags.Usage()
		return 2, errors.New("name a command")
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		flags.SetOutput(os.Stdout)
		flags.Usage()
		return 0, nil
	}
	if !emulators.Supported {
		return 1, errors.New("the emulators cannot be started from Windows: use WSL")
	}
	switch err := flags.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return 0, nil
	case err != nil:
		return 2, err
	}
	if st.Root, err = install.Root(); err != nil {
		return 1, err
	}
	if args[0] != "run" && flags.NArg() > 0 {
		return 2, fmt.Errorf("%s takes no arguments: %q", args[0], flags.Args())
	}
	if args[0] != "run" && st.Config.Only != "" {
		return 2, fmt.Errorf("%s starts all: -only is for run", args[0])
	}
	status, err = perform(st, args[0], flags.Args())
	if errors.Is(err, errUnknown) {
		flags.Usage()
		status, err = 2, fmt.Errorf("there is no command %q", args[0])
	}
	return status, err
}

var errUnknown = errors.New("unknown command")

func perform(st emulators.Starter, name string, args []string) (status int, err error) {
	ctx := context.Background()
	switch name { // these handle signals themselves
	case "run":
		return runCommand(ctx, st, args)
	case "supervise":
		return 0, emulators.Supervise(os.Stdin, os.Stdout)
	}
	ctx, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer release()
	switch name {
	case "up":
		return 0, up(ctx, st)
	case "down":
		return 0, down(ctx, st)
	case "status":
		return showStatus(ctx, st)
	case "env":
		return 0, env(ctx, st)
	case "browser":
		dir, err := install.EnsureBrowser(ctx, st.Root, st.Tell)
		if err == nil {
			fmt.Println(dir)
		}
		return 0, err
	}
	return 2, errUnknown
}

func env(ctx context.Context, st emulators.Starter) error {
	state, _, err := st.Up(ctx)
	if err == nil {
		fmt.Print(state.Ports.Exports())
	}
	return err
}

func runCommand(ctx context.Context, st emulators.Starter, args []string) (int, error) {
	if len(args) == 0 {
		return 2, errors.New("run takes a command to run: run -- go test ./... for example")
	}
	return st.Run(ctx, args)
}

func up(ctx context.Context, st emulators.Starter) error {
	state, started, err := st.Up(ctx)
	if err != nil {
		return err
	}
	if !started {
		fmt.Println("the emulators run already, since", state.Since.Format(time.DateTime))
	}
	fmt.Print(state.Ports.Exports())
	return nil
}

func down(ctx context.Context, st emulators.Starter) error {
	stopped, err := st.Down(ctx)
	switch {
	case err != nil:
		return err
	case stopped:
		fmt.Println("the emulators are stopped")
	default:
		fmt.Println("no emulators run")
	}
	return nil
}

func showStatus(ctx context.Context, st emulators.Starter) (int, error) {
	state, running, err := st.Status()
	if err != nil {
		return 1, err
	}
	if !running {
		fmt.Println("no emulators run: go run ./localstack up")
		return 1, nil
	}
	if !state.Ready {
		fmt.Println("the emulators are being started, or stopped")
		return 1, nil
	}
	fmt.Printf("the emulators run, since %s, under process %d\n", state.Since.Format(time.DateTime), state.PID)
	fmt.Print(state.Ports.Exports())
	return 0, state.Ports.Check(ctx)
}
