//go:build unix

package emulators

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEnvironIsWhatSDKsRead(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{
		"AWS_ENDPOINT_URL=http://127.0.0.1:1",
		"AWS_ACCESS_KEY_ID=test",
		"AWS_SECRET_ACCESS_KEY=test",
		"AWS_REGION=us-east-1",
		"STORAGE_EMULATOR_HOST=127.0.0.1:2",
		"AZURE_STORAGE_CONNECTION_STRING=DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=" + azureKey +
			";BlobEndpoint=http://127.0.0.1:3/devstoreaccount1;",
		"LEADER_POSTGRES_URL=postgres://postgres@127.0.0.1:4/postgres?sslmode=disable",
		"LEADER_MARIADB_DSN=root@tcp(127.0.0.1:5)/",
		"LEADER_EMULATORS=1",
	}, Ports{LocalStack: 1, GCS: 2, Azurite: 3, Postgres: 4, MariaDB: 5}.Environ())
}

// Of a set with one service, the variables lead to that alone, and do not say that everything is there.
func TestEnvironOfOneService(t *testing.T) {
	t.Parallel()
	only, err := Config{Only: "postgres"}.services()
	require.NoError(t, err)
	var p Ports
	require.NoError(t, choosePorts(&p, only))
	assert.Equal(t, Ports{Postgres: p.Postgres}, p)
	assert.Equal(t, []string{fmt.Sprintf("LEADER_POSTGRES_URL=postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", p.Postgres)}, p.Environ())
	_, err = Config{Only: "oracle"}.services()
	require.ErrorContains(t, err, `there is no service "oracle": name one of fake-gcs-server, azurite, postgres, mariadb, localstack`)
}

// A shell's settings must not lead the AWS SDK elsewhere, be it a profile or an endpoint for one service.
func TestNothingLeadsPastTheEmulators(t *testing.T) {
	t.Parallel()
	ports := Ports{LocalStack: 1, GCS: 2, Azurite: 3}
	before := []string{"KEPT=it's \"$HOME\"; here", "AWS_PROFILE=prod", "AWS_ENDPOINT_URL_S3=https://s3.example.com", "AWS_REGION=eu-west-1"}

	within := exec.Command("env")
	within.Env = ports.Within(before)
	shell := exec.Command("sh", "-c", `eval "$1"; exec env`, "sh", ports.Exports())
	shell.Env = before
	for _, cmd := range []*exec.Cmd{within, shell} {
		out, err := cmd.Output()
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		assert.Subset(t, lines, append(ports.Environ(), before[0]))
		assert.NotContains(t, string(out), "AWS_PROFILE")
		assert.NotContains(t, string(out), "AWS_ENDPOINT_URL_S3")
		assert.NotContains(t, string(out), "eu-west-1")
	}
}

func TestPortsAreFreeOnes(t *testing.T) {
	t.Parallel()
	var errs []error
	for range 5 { // between the choice and this look, another process may take one
		var p Ports
		require.NoError(t, choosePorts(&p, services))
		err := listenOnAll(t, p)
		if err == nil {
			return
		}
		errs = append(errs, err)
	}
	require.NoError(t, errors.Join(errs...))
}

func listenOnAll(t *testing.T, p Ports) error {
	seen := map[int]bool{}
	for _, s := range services {
		port := *s.port(&p)
		assert.False(t, seen[port], "twice the same")
		seen[port] = true
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return err
		}
		require.NoError(t, l.Close())
	}
	return nil
}

func TestAPortThatIsTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	for _, s := range services {
		var p Ports
		*s.port(&p) = taken
		err := choosePorts(&p, services)
		require.ErrorContains(t, err, fmt.Sprintf("%s: port %d cannot be used: ", s.name, taken))
		require.ErrorContains(t, err, "name another, or none for a free one")
	}
}

func TestPortsThatAreNotThoseThatRun(t *testing.T) {
	t.Parallel()
	running := Ports{LocalStack: 1, GCS: 2, Azurite: 3}
	require.NoError(t, Ports{}.agree(running))
	require.NoError(t, running.agree(running))
	require.EqualError(t, Ports{GCS: 4443}.agree(running), "fake-gcs-server runs already, on port 2, not 4443: stop the emulators first")
}

func TestServicesThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	var p Ports
	require.NoError(t, choosePorts(&p, services)) // nothing listens on these
	err := p.Check(t.Context())
	for _, s := range services {
		require.ErrorContains(t, err, s.name+" does not answer as it should: stop the emulators and start them again")
	}
}
