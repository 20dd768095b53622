package emulator

import (
	"os"
	"testing"
)

// A Database is a database server that the localstack command starts beside the emulators. Its value is the variable with the
// address, as Go's drivers take it.
type Database string

const (
	Postgres Database = "LEADER_POSTGRES_URL" // postgres://user@host:port/database
	MariaDB  Database = "LEADER_MARIADB_DSN"  // user@tcp(host:port)/database
)

// Address returns the server's address if it is in the environment. Otherwise it skips the test, or, where LEADER_EMULATORS is 1,
// fails it. The tests make databases and schemas of their own there, and remove them.
func (d Database) Address(t testing.TB) string {
	t.Helper()
	return d.address(t, os.Getenv)
}

func (d Database) address(t testing.TB, getenv func(string) string) string {
	t.Helper()
	address := getenv(string(d))
	if address == "" {
		missing := t.Skipf
		if getenv(requiredVariable) == "1" {
			missing = t.Fatalf
		}
		missing("emulator: %s is not set: use make test, or eval \"$(go run ./localstack env)\" in your shell first", d)
	}
	return address
}
