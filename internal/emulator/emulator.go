// Package emulator tells a test whether the service that it needs is available.
//
// The localstack command starts the emulators, and sets the variables that the services' own SDKs read. So a test makes its
// client as any program would:
//
//	emulator.Need(t, emulator.S3)
//	cfg, err := config.LoadDefaultConfig(ctx) // finds AWS_ENDPOINT_URL
//	bucket := emulator.Name(t)
package emulator

import (
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"testing"
)

// A Service is a service in which a store keeps its leases.
type Service string

const (
	DynamoDB Service = "dynamodb"
	S3       Service = "s3"
	GCS      Service = "gcs"
	Azure    Service = "azure"
)

const (
	// requiredVariable is 1 where a missing service fails the test, as in make test: nothing is skipped there.
	requiredVariable = "LEADER_EMULATORS"
	// realVariable lists, with commas, the services on whose real account the tests may run, as the SDK finds it. They make and
	// delete tables, buckets and containers there, which costs money.
	realVariable = "LEADER_TEST_REAL"
)

// endpoints are the variables from which each service's SDK takes the emulator's address; any one of them will do.
//
//   - AWS: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
//   - GCS: https://pkg.go.dev/cloud.google.com/go/storage#NewClient
//   - Azure: the variable of https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string, which
//     the Go SDK does not read by itself
var endpoints = map[Service][]string{
	DynamoDB: {"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"},
	S3:       {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"},
	GCS:      {"STORAGE_EMULATOR_HOST"},
	Azure:    {"AZURE_STORAGE_CONNECTION_STRING"},
}

// Need returns if the service is available: its emulator's address is in the environment, or LEADER_TEST_REAL names the service
// (dynamodb, s3, gcs, azure). Otherwise it skips the test, or, where LEADER_EMULATORS is 1, fails it.
//
// A connection string of a real Azure account, which many shells have set, does not count unless LEADER_TEST_REAL names azure.
func Need(t testing.TB, s Service) {
	t.Helper()
	need(t, s, os.Getenv)
}

func need(t testing.TB, s Service, getenv func(string) string) {
	t.Helper()
	variables, known := endpoints[s]
	if !known {
		t.Fatalf("emulator: there is no service %q", s)
	}
	for name := range strings.SplitSeq(getenv(realVariable), ",") {
		switch service := Service(strings.TrimSpace(name)); {
		case service == s:
			return
		case service != "" && endpoints[service] == nil:
			t.Fatalf("emulator: %s names %q: it knows dynamodb, s3, gcs and azure", realVariable, service)
		}
	}
	if slices.ContainsFunc(variables, func(v string) bool { return isEmulator(s, getenv(v)) }) {
		return
	}
	missing := t.Skipf
	if getenv(requiredVariable) == "1" {
		missing = t.Fatalf
	}
	missing("emulator: no %s here: use make test, or eval \"$(go run ./localstack env)\" in your shell first; or, for the real "+
		"service, set %s=%s", s, realVariable, s)
}

// isEmulator reports whether the value of a service's variable is the address of an emulator.
func isEmulator(s Service, value string) bool {
	if s != Azure {
		return value != "" // for the real service, the SDK needs none of these
	}
	// https://learn.microsoft.com/azure/storage/common/storage-connect-azurite: the account that every Azurite has
	return strings.Contains(value, "devstoreaccount1") || strings.Contains(value, "UseDevelopmentStorage=true")
}

// Name returns a unique name for a table, a bucket or a container: 3 to 63 lower-case letters, digits and single hyphens, which
// all four services accept. It begins with the test's name, so that leftovers in a real account show where they come from.
func Name(t testing.TB) string {
	const most = 30 // of the test's name; 26 random characters follow
	test := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(t.Name()))
	return "l" + test[:min(len(test), most)] + "-" + strings.ToLower(rand.Text())
}
