package emulators

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cloudlease/leader/localstack/internal/install"
)

// A service is one of the emulated services.
type service struct {
	name   string
	port   func(*Ports) *int
	probes func(Ports) []probe
	native func(i install.Installation, dir string, p Ports) (command, error) // dir is empty, and for this service alone
}

// A command is a command line, and its environment, on top of the few variables that every process gets.
type command struct {
	args   []string
	env    []string
	noRoot bool      // it refuses to run as root
	stop   os.Signal // asks it to end; nil is SIGTERM
}

// services are in the order in which they become ready.
var services = []service{
	{
		name:   "fake-gcs-server",
		port:   func(p *Ports) *int { return &p.GCS },
		probes: func(p Ports) []probe { return []probe{askGCS(p.gcsURL())} },
		native: fakeGCS,
	},
	{
		name:   "azurite",
		port:   func(p *Ports) *int { return &p.Azurite },
		probes: func(p Ports) []probe { return []probe{askAzurite(p.azuriteURL())} },
		native: azurite,
	},
	{
		name:   "postgres",
		port:   func(p *Ports) *int { return &p.Postgres },
		probes: func(p Ports) []probe { return []probe{askPostgres(p.postgresAddress())} },
		native: postgres,
	},
	{
		name:   "mariadb",
		port:   func(p *Ports) *int { return &p.MariaDB },
		probes: func(p Ports) []probe { return []probe{askMariaDB(p.mariaDBAddress())} },
		native: mariaDB,
	},
	{
		name:   "localstack",
		port:   func(p *Ports) *int { return &p.LocalStack },
		probes: func(p Ports) []probe { return []probe{askS3(p.localStackURL()), askDynamoDB(p.localStackURL())} },
		native: localStack,
	},
}

func fakeGCS(i install.Installation, _ string, p Ports) (command, error) {
	address := fmt.Sprintf("127.0.0.1:%d", p.GCS)
	return command{args: []string{i.FakeGCS(), "-scheme", "http", "-host", "127.0.0.1", "-port", strconv.Itoa(p.GCS),
		"-public-host", address, "-backend", "memory"}}, nil
}

func azurite(i install.Installation, _ string, p Ports) (command, error) {
	return command{args: []string{i.Node(), i.Azurite(), "--inMemoryPersistence", "--silent", "--disableTelemetry",
		"--skipApiVersionCheck", "--blobHost", "127.0.0.1", "--blobPort", strconv.Itoa(p.Azurite)}}, nil
}

// localStack keeps all files of LocalStack in dir. LocalStack would download DynamoDB Local and Java, so it gets links to them
// where it would have put them.
func localStack(i install.Installation, dir string, p Ports) (command, error) {
	lib := filepath.Join(dir, "var", "lib", "localstack", "lib")
	for _, parent := range []string{filepath.Join(lib, "java"), filepath.Join(lib, "dynamodb-local")} {
		if err := os.MkdirAll(parent, 0o700); err != nil {
			return command{}, err
		}
	}
	if err := os.Symlink(i.Java(), filepath.Join(lib, "java", "21")); err != nil {
		return command{}, err
	}
	if err := os.Symlink(filepath.Join(i.DynamoDBLocal(), "2"), filepath.Join(lib, "dynamodb-local", "2")); err != nil {
		return command{}, err
	}
	return command{
		args: []string{i.Python(), "-I", "-m", "localstack.runtime.main"},
		env: []string{
			"OVERRIDE_IN_DOCKER=0", // a sandbox may look like a container, and then it writes to system directories
			"FILESYSTEM_ROOT=" + dir,
			fmt.Sprintf("GATEWAY_LISTEN=127.0.0.1:%d", p.LocalStack),
			"SERVICES=dynamodb,s3", "STRICT_SERVICE_LOADING=1", "EAGER_SERVICE_LOADING=1",
			"DYNAMODB_IN_MEMORY=1", "DISABLE_EVENTS=1", "SKIP_SSL_CERT_DOWNLOAD=1", "DNS_ADDRESS=0",
		},
	}, nil
}

// postgres makes a database in dir, where it is started, and serves it. What is stored need not outlive the machine.
func postgres(i install.Installation, _ string, p Ports) (command, error) {
	const script = `"$1/bin/initdb" -D data -U postgres -A trust -E UTF8 --locale=C --no-sync && exec "$1/bin/postgres" -D data \
-h 127.0.0.1 -p "$2" -k "" -c fsync=off -c full_page_writes=off -c max_connections=200`
	return command{
		args:   []string{"sh", "-c", script, "sh", i.Postgres(), strconv.Itoa(p.Postgres)},
		noRoot: true,
		stop:   os.Interrupt, // SIGTERM would let it wait for all clients to leave
	}, nil
}

// mariaDB is like postgres. A certificate, which nobody needs here, would take its server half a minute on a busy machine.
func mariaDB(i install.Installation, _ string, p Ports) (command, error) {
	const script = `sh "$1/scripts/mariadb-install-db" --no-defaults --basedir="$1" --datadir="$PWD/data" --skip-test-db \
--auth-root-authentication-method=normal && exec "$1/bin/mariadbd" --no-defaults --basedir="$1" --datadir="$PWD/data" \
--bind-address=127.0.0.1 --port="$2" --socket=socket --pid-file="$PWD/pid" --skip-name-resolve --skip-ssl \
--innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=64M`
	return command{args: []string{"sh", "-c", script, "sh", i.MariaDB(), strconv.Itoa(p.MariaDB)}, noRoot: true}, nil
}

// choosePorts gives every service without a port a free one, and checks that given ports are free. An emulator takes seconds
// until it listens. So the ports are below those that the system gives to outgoing connections meanwhile: above 32767 on
// Linux, above 49151 elsewhere (/proc/sys/net/ipv4/ip_local_port_range; IANA).
func choosePorts(p *Ports, services []service) error {
	const lowest, highest, tries = 20000, 32767, 100
	var held []net.Listener // all at once, so that no port is chosen twice
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	for _, s := range services {
		port := s.port(p)
		named := *port
		for try := 1; ; try++ {
			if named == 0 {
				*port = lowest + rand.IntN(highest-lowest+1)
			}
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
			if err == nil {
				held = append(held, l)
				break
			}
			if named != 0 || try == tries {
				return fmt.Errorf("%s: port %d cannot be used: %w: name another, or none for a free one", s.name, *port, err)
			}
		}
	}
	return nil
}

// agree returns an error if these ports differ from those of the emulators that run; 0 agrees with any.
func (p Ports) agree(running Ports) error {
	for _, s := range services {
		if want, has := *s.port(&p), *s.port(&running); want != 0 && want != has {
			return fmt.Errorf("%s runs already, on port %d, not %d: stop the emulators first", s.name, has, want)
		}
	}
	return nil
}

// ask sends each of the service's probes once.
func (s service) ask(ctx context.Context, p Ports) error {
	for _, probe := range s.probes(p) {
		if err := probe(ctx); err != nil {
			return err
		}
	}
	return nil
}
