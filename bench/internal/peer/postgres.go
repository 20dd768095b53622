package peer

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/jackc/pgx/v5"
)

var postgres = Peer{
	Key: "postgres", Name: "PostgreSQL advisory lock", Service: "postgres",
	Notes: "A session's lock, by pgx: there is no lease, the lock is held while the connection is. Standbys wait in pg_advisory_lock and do not ask. " +
		"The holder pings every third of the lease's length, to find out that its connection is gone. It hands out no fencing token.",
	RenewEvery: third,
	Run:        runPostgres,
}

func runPostgres(ctx context.Context, c Config) error {
	if _, err := pgx.ParseConfig(c.Endpoint); err != nil {
		return fmt.Errorf("PostgreSQL at %q: %w", c.Endpoint, err)
	}
	for ctx.Err() == nil {
		_ = leadByPostgres(ctx, c) // any error but ctx's end is a connection that broke
		pause(ctx, third(c.Length))
	}
	return nil
}

// leadByPostgres runs one session, from connecting to its end.
func leadByPostgres(ctx context.Context, c Config) error {
	conn, err := pgx.Connect(ctx, c.Endpoint)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), third(c.Length))
		defer cancel()
		_ = conn.Close(closing)
	}()
	key := advisoryKey(c.Lease)
	if err := statement(ctx, c, conn, "select pg_advisory_lock($1)", key); err != nil {
		return err
	}
	c.Tell(Started)
	for pause(ctx, third(c.Length)) && err == nil {
		_, err = renewing(c.Tell, func() (none struct{}, err error) {
			pinging, cancel := context.WithTimeout(context.WithoutCancel(ctx), third(c.Length))
			defer cancel()
			return none, conn.Ping(pinging)
		})
	}
	c.Tell(Stopped)
	if err != nil {
		return err
	}
	releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), third(c.Length))
	defer cancel()
	var was bool
	if err := conn.QueryRow(releasing, "select pg_advisory_unlock($1)", key).Scan(&was); err != nil {
		return err
	}
	if !was {
		return errors.New("the lock was not held")
	}
	c.Tell(Released)
	return nil
}

// statement takes the lock. It waits for as long as another session has it.
func statement(ctx context.Context, c Config, conn *pgx.Conn, sql string, key int64) error {
	_, err := renewing(c.Tell, func() (none struct{}, err error) {
		_, err = conn.Exec(ctx, sql, key)
		return none, err
	})
	return err
}

// advisoryKey returns the number by which PostgreSQL knows the lock.
func advisoryKey(name string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return int64(h.Sum64())
}
