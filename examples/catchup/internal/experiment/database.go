package experiment

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/cloudlease/leader/examples/catchup/events"
	"github.com/cloudlease/leader/examples/catchup/statement"
	"github.com/cloudlease/leader/fence"
)

// A database is at an address: that of a schema of a PostgreSQL server, or the file of an SQLite database.
type database struct {
	address string
	drop    func() // removes the schema
}

func databaseAt(address string) database { return database{address, func() {}} }

func (d database) postgres() bool { return strings.HasPrefix(d.address, "postgres:") }

func (d database) String() string {
	if d.postgres() {
		return "PostgreSQL"
	}
	return "SQLite"
}

func (d database) open() (*sql.DB, error) {
	if d.postgres() {
		return sql.Open("pgx", d.address)
	}
	return sql.Open("sqlite", d.address)
}

// makeDatabase makes a database with all tables: on the PostgreSQL server, if there is one, or in SQLite in a directory.
func makeDatabase(ctx context.Context, server, dir string) (d database, err error) {
	dialect, schema := fence.PostgreSQL, events.PostgresSchema
	if server == "" {
		// WAL: readers and the writer do not wait for each other.
		query := "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate"
		d = databaseAt((&url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(dir, "db")), RawQuery: query}).String())
		dialect, schema = fence.SQLite, events.SQLiteSchema
	} else if d, err = makeSchema(ctx, server); err != nil {
		return d, err
	}
	db, err := d.open()
	if err != nil {
		return d, err
	}
	defer db.Close()
	for _, s := range append([]string{schema}, statement.Schema(dialect)...) {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return d, fmt.Errorf("%w: %s", err, s)
		}
	}
	return d, nil
}

// makeSchema makes a schema on a PostgreSQL server.
func makeSchema(ctx context.Context, server string) (database, error) {
	u, err := url.Parse(server)
	if err != nil {
		return database{}, errors.New("the address of PostgreSQL is no URL, as postgres://user@host:port/database is one")
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		return database{}, err
	}
	name := "catchup_" + strings.ToLower(rand.Text())
	if _, err := admin.ExecContext(ctx, "CREATE SCHEMA "+name); err != nil {
		return database{}, errors.Join(err, admin.Close())
	}
	query := u.Query()
	query.Set("search_path", name)
	u.RawQuery = query.Encode()
	return database{u.String(), func() {
		_, _ = admin.Exec("DROP SCHEMA " + name + " CASCADE")
		_ = admin.Close()
	}}, nil
}

// host returns where the server listens.
func (d database) host() string {
	u, _ := url.Parse(d.address)
	return u.Host
}

// through returns the address by way of a proxy, for a worker. The server ends a session that leaves a transaction open for a second:
// else a suspended worker would keep the fence's lock, and the next one would wait for it.
func (d database) through(proxy string) string {
	u, _ := url.Parse(d.address)
	u.Host = proxy
	query := u.Query()
	query.Set("idle_in_transaction_session_timeout", "1000") // ms
	u.RawQuery = query.Encode()
	return u.String()
}
