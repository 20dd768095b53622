// Command service is an active/passive HTTP service: it runs on two or more VMs. One of them does the work. Another
// takes over when the first one stops, dies or cannot reach the lease's store.
//
// It hands out numbers, each one once:
//
//	mkdir -p /tmp/numbers
//	go -C examples/service run . -store file:/tmp/numbers/lease -database /tmp/numbers/db -listen 127.0.0.1:8081 &
//	go -C examples/service run . -store file:/tmp/numbers/lease -database /tmp/numbers/db -listen 127.0.0.1:8082 &
//	curl -X POST http://127.0.0.1:8081/numbers http://127.0.0.1:8082/numbers
//
// One node answers with a number. The other answers 503, and says which node leads and at what address. On VMs, the store
// is a table or bucket of the cloud account, such as -store dynamodb://leases?region=eu-west-1. The database, here an SQLite
// file, is one that all VMs reach.
//
// # What is where
//
//   - main.go: the leader, the HTTP server, and how both stop.
//   - numbers.go: the work. It claims the database when its term begins, and the database refuses a leader that was suspended
//     and writes late.
//   - numbers.service: the systemd unit that runs it on each VM.
//   - haproxy.cfg: the load balancer in front of the VMs, which sends everything to the leader. It finds the leader by
//     GET /leader. The load balancers of AWS, Google Cloud and Azure do that with a health check: port 8080, path /leader,
//     healthy on 200, an interval of a few seconds. To them, the VMs that do not lead are unhealthy, as intended: let no
//     such check replace VMs, nor one of /healthz, which is 503 on all of them while the store or the database is down.
//     /healthz is for alerts.
//
// # Stopping
//
// On SIGTERM, new requests get 503 at once, requests under way are finished (leaderhttp.WhileLeading, leader.Serve), and only
// then the lease is released: the next leader starts within a second or so (-acquire-every). If a leader dies, the next one
// starts when the lease has run out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease"

	_ "github.com/cloudlease/leader/lease/azblob/byurl" // those that you use
	_ "github.com/cloudlease/leader/lease/dynamodb"
	_ "github.com/cloudlease/leader/lease/file"
	_ "github.com/cloudlease/leader/lease/gcs"
	_ "github.com/cloudlease/leader/lease/s3"
)

type config struct {
	store, listen, database string
	length, acquireEvery    time.Duration
	address                 string // for clients
}

func parse(args []string) (c config, err error) {
	flags := flag.NewFlagSet("service", flag.ContinueOnError)
	flags.StringVar(&c.store, "store", "", "URL of the lease store")
	flags.StringVar(&c.listen, "listen", ":8080", "`address` to serve on")
	flags.StringVar(&c.address, "address", "", "`address` at which clients reach this node, as it is published with the lease (default the host's name and the port)")
	flags.StringVar(&c.database, "database", "numbers.db", "`file` of the SQLite database with the numbers")
	flags.DurationVar(&c.length, "lease-length", 15*time.Second, "how long nobody replaces a leader that dies")
	flags.DurationVar(&c.acquireEvery, "acquire-every", time.Second, "how often a standby asks for the lease")
	return c, flags.Parse(args)
}

func main() {
	c, err := parse(os.Args[1:])
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = run(ctx, c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(1)
	}
}

// reachedAt returns the address for clients, on other machines, of a node that listens at local. An address such as [::]:8080 is none.
func (c config) reachedAt(local net.Addr) (string, error) {
	if c.address != "" {
		return c.address, nil
	}
	host, port, err := net.SplitHostPort(local.String())
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		if host, err = os.Hostname(); err != nil {
			return "", fmt.Errorf("name this node with -address: %w", err)
		}
	}
	return net.JoinHostPort(host, port), nil
}

// patience is how long a client may take to send its request, and to read the answer.
const patience = 20 * time.Second

// run serves until ctx ends.
func run(ctx context.Context, c config) error {
	manager, err := lease.Open(ctx, c.store)
	if err != nil {
		return err
	}
	defer func() { _ = lease.Close(manager) }()
	db, err := open(ctx, c.database)
	if err != nil {
		return err
	}
	defer db.Close()
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return err
	}
	address, err := c.reachedAt(listener.Addr())
	if err != nil {
		_ = listener.Close()
		return err
	}
	n := &numbers{db: db}
	l := leader.New(
		leader.WithLeaseManager(manager),
		leader.WithLeaseName("numbers"),
		leader.WithLeaseLength(c.length),
		leader.WithAcquireEvery(c.acquireEvery),
		leader.WithAttributes(map[string]string{"address": address}),
		leader.WithStopMargin(c.length/6), // to finish requests while the term still holds
		leader.WhenStarted(n.work),
	)
	mux := http.NewServeMux()
	mux.Handle("POST /numbers", leaderhttp.WhileLeading(l, n))
	mux.Handle("/", leaderhttp.Handler(l)) // for operators: haproxy.cfg hides it from others
	server := &http.Server{
		Handler:     mux,
		ReadTimeout: patience, WriteTimeout: patience, // no slow client keeps the lease from the next leader
	}
	fmt.Println("listening on", listener.Addr())

	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel() // without its server, this node does not lead
		served <- server.Serve(listener)
	}()
	err = l.Run(ctx) // the server answers the load balancer until the lease is released
	ending, done := context.WithTimeout(context.Background(), time.Second)
	defer done()
	_ = server.Shutdown(ending) // the last answers may still be on their way out
	if serving := <-served; !errors.Is(serving, http.ErrServerClosed) {
		err = errors.Join(err, serving)
	}
	return err
}
