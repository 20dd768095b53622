package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of your database
	_ "modernc.org/sqlite"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/examples/catchup/events"
	"github.com/cloudlease/leader/examples/catchup/search"
	"github.com/cloudlease/leader/examples/catchup/statement"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
	_ "github.com/cloudlease/leader/lease/file" // the stores that you use
)

// worker is the program that runs on each node. It takes part in two elections, one for each projection; or in a fleet, whose nodes
// divide the partitions of one projection.
func worker(ctx context.Context, args []string) error {
	c, err := parse(args)
	if err != nil {
		return err
	}
	manager, err := lease.Open(ctx, c.store)
	if err != nil {
		return err
	}
	defer lease.Close(manager)
	db, err := sql.Open(c.driver, c.database)
	if err != nil {
		return err
	}
	defer db.Close()
	if c.fleet {
		return c.divide(manager, db).Run(ctx)
	}
	log := func() events.Log { return c.log(db) }
	projection := statement.Projection{DB: db, Log: log}
	index := search.Index{Manager: manager, Checkpoint: "search", Every: c.save, URL: c.index, Log: log}
	return together(ctx, c.elect(manager, db, "statement", projection.Run), c.elect(manager, db, "search", index.Run))
}

// divide returns a node of a fleet. The work of a partition is a leader's, with a reader of that partition and its own checkpoint.
func (c config) divide(manager lease.Manager, db *sql.DB) *fleet.Fleet {
	log := c.log(db)
	return fleet.New(
		fleet.WithLeaseManager(manager),
		fleet.WithName("search"),
		fleet.WithShards(events.Partitions),
		fleet.WithNodeID(c.node),
		fleet.WithLeaseLength(c.length),
		fleet.WithHealth(db.PingContext), // a node that cannot reach the database gives its partitions to others
		fleet.WhenAssigned(func(ctx context.Context, part string) error {
			partition, err := strconv.Atoi(part)
			if err != nil {
				return err
			}
			index := search.Index{Manager: manager, Checkpoint: "search-" + part, Every: c.save, URL: c.index,
				Log: func() events.Log { return log.Partition(partition) }}
			return index.Run(ctx) // an error begins it again after a while
		}),
	)
}

// elect returns a node's part in an election, of which the leader does the work.
func (c config) elect(manager lease.Manager, db *sql.DB, name string, work func(context.Context) error) *leader.Leader {
	return leader.New(
		leader.WithLeaseManager(manager),
		leader.WithLeaseName(name),
		leader.WithNodeID(c.node),
		leader.WithLeaseLength(c.length),
		leader.WithHealth(db.PingContext), // a node that cannot reach the database lets another one lead
		leader.WhenStarted(func(ctx context.Context) error {
			err := work(ctx)
			if ctx.Err() == nil {
				slog.Warn("the work has failed: another node is to take it", "lease", name, "err", err)
				return leader.ErrStepDown // and this node campaigns again, where any other error would end Run
			}
			return context.Cause(ctx) // it was told to stop
		}),
	)
}

// together runs all until ctx ends, or one of them fails.
func together(ctx context.Context, leaders ...*leader.Leader) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error)
	for _, l := range leaders {
		go func() { ended <- l.Run(ctx) }()
	}
	for range leaders {
		err = errors.Join(err, <-ended)
		stop()
	}
	return err
}

type config struct {
	node, store, index string
	driver, database   string
	length, save       time.Duration
	fleet              bool
}

func parse(args []string) (c config, err error) {
	flags := flag.NewFlagSet("worker", flag.ContinueOnError)
	host, _ := os.Hostname()
	flags.StringVar(&c.node, "node", host, "`name` of this node, for people")
	flags.StringVar(&c.store, "store", "file:leases", "`URL` of the lease store")
	flags.StringVar(&c.database, "database", "", "`address` of the database: postgres://..., or the file of an SQLite database")
	flags.StringVar(&c.driver, "driver", "", "its driver (default: by the address)")
	flags.StringVar(&c.index, "index", "", "`URL` of the search index")
	flags.DurationVar(&c.length, "lease-length", 15*time.Second, "how long nobody replaces a leader that dies")
	flags.DurationVar(&c.save, "checkpoint-every", checkpoint.DefaultEvery, "how often the checkpoint is written, at most")
	flags.BoolVar(&c.fleet, "fleet", false, "divide the partitions of the search index over all nodes, in a fleet")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if c.database == "" || c.index == "" {
		return c, fmt.Errorf("worker: name the -database and the -index")
	}
	if c.driver == "" {
		c.driver = "sqlite"
		if c.postgres() {
			c.driver = "pgx"
		}
	}
	return c, nil
}

func (c config) postgres() bool { return strings.HasPrefix(c.database, "postgres:") }

// A source has readers of all events, and of a partition's.
type source interface {
	events.Log
	Partition(partition int) events.Log
}

// log returns a reader of the events.
func (c config) log(db *sql.DB) source {
	if c.postgres() {
		return events.NewPostgresLog(db)
	}
	return events.NewSQLiteLog(db)
}
