package fencetest

import (
	"crypto/rand"
	"database/sql"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/cloudlease/leader/fence"
	"github.com/cloudlease/leader/internal/emulator"
)

// A place is a database server, and how its transactions are isolated.
type place struct {
	name    string
	dialect fence.Dialect
	options *sql.TxOptions // nil: the server's default
	open    func(t testing.TB) *sql.DB
	// repeats says that transactions are refused, and have to be repeated, where the default of the server would let them wait
	repeats bool
}

func level(l sql.IsolationLevel) *sql.TxOptions { return &sql.TxOptions{Isolation: l} }

// places are all dialects, each in its default isolation level, and in weaker and stricter ones.
var places = []place{
	{name: "PostgreSQL", dialect: fence.PostgreSQL, open: openPostgres},
	{name: "PostgreSQL, repeatable read", dialect: fence.PostgreSQL, open: openPostgres,
		options: level(sql.LevelRepeatableRead), repeats: true},
	{name: "PostgreSQL, serializable", dialect: fence.PostgreSQL, open: openPostgres,
		options: level(sql.LevelSerializable), repeats: true},
	{name: "MariaDB", dialect: fence.MySQL, open: openMariaDB("")}, // repeatable read
	{name: "MariaDB, read committed", dialect: fence.MySQL, open: openMariaDB(""),
		options: level(sql.LevelReadCommitted)},
	{name: "MariaDB, serializable", dialect: fence.MySQL, open: openMariaDB(""),
		options: level(sql.LevelSerializable)},
	{name: "MariaDB, snapshot", dialect: fence.MySQL, open: openMariaDB("1"), repeats: true},
	{name: "SQLite", dialect: fence.SQLite, open: openSQLite("DELETE", "deferred"), repeats: true},
	{name: "SQLite, WAL", dialect: fence.SQLite, open: openSQLite("WAL", "deferred"), repeats: true},
	{name: "SQLite, WAL, immediate", dialect: fence.SQLite, open: openSQLite("WAL", "immediate")},
}

// dialects are places that differ by more than the isolation level: also in the server's default, which Claim gets, and in how the
// driver sends a statement's values.
var dialects = []place{
	places[0], places[3], places[8],
	{name: "PostgreSQL, simple protocol", dialect: fence.PostgreSQL, open: openPostgresWith("default_query_exec_mode", "simple_protocol")},
	{name: "PostgreSQL, serializable by default", dialect: fence.PostgreSQL, open: openPostgresWith("default_transaction_isolation", "serializable")},
	{name: "MariaDB, interpolated", dialect: fence.MySQL, open: openMariaDB("", func(c *mysql.Config) { c.InterpolateParams = true })},
	{name: "MariaDB, serializable by default", dialect: fence.MySQL, open: openMariaDB("1", func(c *mysql.Config) {
		c.Params["transaction_isolation"] = "'SERIALIZABLE'"
	})},
}

func opened(t testing.TB, driver, source string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, source)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(t testing.TB, db *sql.DB, statement string, args ...any) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement, args...)
	require.NoError(t, err, statement)
}

func openPostgres(t testing.TB) *sql.DB { return openPostgresWith("", "")(t) }

// openPostgresWith returns a function that opens a schema that is the test's own.
func openPostgresWith(setting, value string) func(testing.TB) *sql.DB {
	return func(t testing.TB) *sql.DB {
		address := emulator.Postgres.Address(t)
		schema := "fence_" + strings.ToLower(rand.Text())
		admin := opened(t, "pgx", address)
		exec(t, admin, "CREATE SCHEMA "+schema)
		t.Cleanup(func() { _, _ = admin.Exec("DROP SCHEMA " + schema + " CASCADE") })
		u, err := url.Parse(address)
		require.NoError(t, err)
		query := u.Query()
		query.Set("search_path", schema)
		query.Set("application_name", schema)
		if setting != "" {
			query.Set(setting, value)
		}
		u.RawQuery = query.Encode()
		return opened(t, "pgx", u.String())
	}
}

// openMariaDB returns a function that opens a database that is the test's own.
func openMariaDB(snapshotIsolation string, options ...func(*mysql.Config)) func(testing.TB) *sql.DB {
	return func(t testing.TB) *sql.DB {
		address := emulator.MariaDB.Address(t)
		name := "fence_" + strings.ToLower(rand.Text())
		admin := opened(t, "mysql", address)
		exec(t, admin, "CREATE DATABASE "+name)
		t.Cleanup(func() { _, _ = admin.Exec("DROP DATABASE " + name) })
		config, err := mysql.ParseDSN(address)
		require.NoError(t, err)
		config.DBName = name
		if snapshotIsolation != "" {
			config.Params = map[string]string{"innodb_snapshot_isolation": snapshotIsolation}
		}
		for _, option := range options {
			option(config)
		}
		return opened(t, "mysql", config.FormatDSN())
	}
}

func openSQLite(journal, lock string) func(testing.TB) *sql.DB {
	return func(t testing.TB) *sql.DB {
		query := url.Values{"_pragma": {"busy_timeout(60000)", "journal_mode(" + journal + ")", "synchronous(OFF)"}, "_txlock": {lock}}
		source := url.URL{Scheme: "file", Path: filepath.Join(t.TempDir(), "db"), RawQuery: query.Encode()}
		return opened(t, "sqlite", source.String())
	}
}
