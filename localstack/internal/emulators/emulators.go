// Package emulators starts and stops sets of emulators: LocalStack (DynamoDB and S3), fake-gcs-server and Azurite. Two database
// servers, PostgreSQL and MariaDB, belong to a set, too.
//
// # Processes
//
// Each set has a supervisor process: the program that starts the set runs itself again. The supervisor starts the emulators,
// and holds a pipe from the starter. If the pipe closes, because the starter ended, was interrupted or was killed, the
// supervisor stops all emulators and ends. A set may outlive its starter (up): once it is ready, the starter says so on the
// pipe. A signal to the supervisor then stops the set (down). On Linux an emulator also ends if its supervisor is killed.
// LocalStack's Java process may survive that; it is found and ended when the next set is started or stopped.
//
// # Files
//
// A set has a directory, sets/up or sets/run-..., beside the installation, with all data and logs of its emulators. It is
// removed when they are stopped. The supervisor holds a lock on a file in it, which the system releases when the process
// ends, however it ends. So nothing guesses from the process ID in set.json whether the supervisor is alive: by now, that
// may be the ID of another process.
package emulators

import (
	"fmt"
	"slices"
	"strings"
)

// A Config says how to start a set. The zero value uses free ports, and Docker only if there is no other way.
type Config struct {
	Ports  Ports
	Docker bool   // use Docker even if Python is available
	Only   string // the name of the only service; "": all
}

// services returns those of a set. The error says that there is no such service.
func (c Config) services() ([]service, error) {
	if c.Only == "" {
		return services, nil
	}
	var names []string
	for _, s := range services {
		if s.name == c.Only {
			return []service{s}, nil
		}
		names = append(names, s.name)
	}
	return nil, fmt.Errorf("there is no service %q: name one of %s", c.Only, strings.Join(names, ", "))
}

// Ports are TCP ports of 127.0.0.1; 0 means a free one, and in a set that runs, a service that is not in it.
type Ports struct {
	LocalStack, GCS, Azurite, Postgres, MariaDB int
}

// The account that every Azurite has, and its key, which is no secret:
// https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
const (
	azureAccount = "devstoreaccount1"
	azureKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// The services' base URLs.

func (p Ports) localStackURL() string { return fmt.Sprintf("http://127.0.0.1:%d", p.LocalStack) }
func (p Ports) gcsURL() string        { return fmt.Sprintf("http://127.0.0.1:%d", p.GCS) }
func (p Ports) azuriteURL() string {
	return fmt.Sprintf("http://127.0.0.1:%d/%s", p.Azurite, azureAccount)
}

// The databases' addresses.

func (p Ports) postgresAddress() string { return fmt.Sprintf("127.0.0.1:%d", p.Postgres) }
func (p Ports) mariaDBAddress() string  { return fmt.Sprintf("127.0.0.1:%d", p.MariaDB) }

// Environ returns the variables, NAME=value, by which SDKs and tests find the emulators on these ports.
func (p Ports) Environ() (all []string) {
	of := func(port int, variables ...string) {
		if port != 0 {
			all = append(all, variables...)
		}
	}
	of(p.LocalStack, "AWS_ENDPOINT_URL="+p.localStackURL(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION=us-east-1")
	of(p.GCS, fmt.Sprintf("STORAGE_EMULATOR_HOST=127.0.0.1:%d", p.GCS))
	of(p.Azurite, fmt.Sprintf("AZURE_STORAGE_CONNECTION_STRING=DefaultEndpointsProtocol=http;AccountName=%s;AccountKey=%s;BlobEndpoint=%s;",
		azureAccount, azureKey, p.azuriteURL()))
	of(p.Postgres, fmt.Sprintf("LEADER_POSTGRES_URL=postgres://postgres@%s/postgres?sslmode=disable", p.postgresAddress()))
	of(p.MariaDB, fmt.Sprintf("LEADER_MARIADB_DSN=root@tcp(%s)/", p.mariaDBAddress()))
	if min(p.LocalStack, p.GCS, p.Azurite, p.Postgres, p.MariaDB) != 0 {
		all = append(all, "LEADER_EMULATORS=1") // everything is there
	}
	return all
}

// foreign are variables that would lead the AWS SDK past the emulators: to another endpoint, or to a profile that has one.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
var foreign = []string{
	"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_PROFILE", "AWS_SESSION_TOKEN",
}

// Within returns environ with the variables of Environ, and without those that would lead past the emulators.
func (p Ports) Within(environ []string) []string {
	kept := slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(foreign, name)
	})
	return append(kept, p.Environ()...)
}

// Exports returns shell commands that do what Within does: eval "$(...)".
func (p Ports) Exports() string {
	var b strings.Builder
	fmt.Fprintln(&b, "unset", strings.Join(foreign, " "))
	for _, variable := range p.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return b.String()
}
