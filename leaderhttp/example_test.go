package leaderhttp_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
	"github.com/cloudlease/leader/lease/memory"
)

// An active/passive service: the leader answers requests. The others say who that is.
func ExampleWhileLeading() {
	store := flag.String("store", "file:leases", "`URL` of the lease store; of several machines, one that they share: dynamodb://leases?region=eu-west-1")
	address := flag.String("address", "127.0.0.1:8080", "where this node serves, and where clients reach it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *store, *address); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, store, address string) error {
	manager, err := lease.Open(ctx, store)
	if err != nil {
		return err
	}
	defer lease.Close(manager)
	listener, err := net.Listen("tcp", address) // first: a node that cannot serve asks for no lease
	if err != nil {
		return err
	}
	l := leader.New(
		leader.WithLeaseManager(manager),
		leader.WithLeaseName("orders"),
		leader.WithAttributes(map[string]string{"address": address}),
		leader.WhenStarted(func(ctx context.Context) error {
			// Prepare here: claim the data with the term's token, then read it. No request comes in before Serve.
			return leader.Serve(ctx) // until this node is to stop leading, and all requests are answered
		}),
	)
	mux := http.NewServeMux()
	mux.Handle("/orders", leaderhttp.WhileLeading(l, http.HandlerFunc(order)))
	mux.Handle("/election/", http.StripPrefix("/election", leaderhttp.Handler(l)))
	server := &http.Server{
		Handler:     mux,
		ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, // no client keeps the lease from the others
	}
	served := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	go func() {
		defer stop() // without its server, this node does not lead
		served <- server.Serve(listener)
	}()
	err = l.Run(ctx) // when it returns, the lease is released, and no request is under way
	ending, done := context.WithTimeout(context.Background(), time.Second)
	defer done()
	_ = server.Shutdown(ending) // the last answers may still be on their way out
	if serving := <-served; serving != http.ErrServerClosed {
		err = errors.Join(err, serving)
	}
	return err
}

// order is called while this node leads.
func order(w http.ResponseWriter, r *http.Request) {
	term, _ := leader.TermFrom(r.Context())
	if err := term.Check(); err != nil { // right before each effect, which carries the term's token
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ordered, with token", term.Token())
}

// What a standby answers, and the leader.
func ExampleWhileLeading_answers() {
	manager := memory.New()
	node := func(name string) (l *leader.Leader, orders http.Handler) {
		l = leader.New(
			leader.WithLeaseManager(manager),
			leader.WithLeaseName("orders"),
			leader.WithNodeID(name),
			leader.WithAttributes(map[string]string{"address": name + ".example.com:8080"}),
			leader.WithLogger(slog.New(slog.DiscardHandler)),
			leader.WhenStarted(leader.Serve),
		)
		return l, leaderhttp.WhileLeading(l, http.HandlerFunc(order))
	}
	ask := func(handler http.Handler) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/orders", nil))
		fmt.Print(w.Code, " ", w.Body)
	}
	a, ordersAtA := node("vm1")
	b, ordersAtB := node("vm2")

	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = a.Run(ctx) })
	until(func() bool { return a.WhileLeading(ctx, func(context.Context) error { return nil }) == nil })
	running.Go(func() { _ = b.Run(ctx) })
	until(func() bool { return b.Status().Seen.Holder == "vm1" })

	ask(ordersAtA)
	ask(ordersAtB)
	stop()
	running.Wait()
	// Output:
	// 200 ordered, with token 1
	// 503 {"error":"this node does not lead: \"vm1\" does","leader":"vm1","token":1,"attributes":{"address":"vm1.example.com:8080"},"retry_after_seconds":5}
}

// until waits for what happens elsewhere.
func until(happened func() bool) {
	for !happened() {
		time.Sleep(time.Millisecond)
	}
}

// A load balancer asks /election/leader, and a person opens /election/ in a browser.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l := leader.New(
		leader.WithLeaseManager(file.New("leases")),
		leader.WithLeaseName("orders"),
		leader.WithAttributes(map[string]string{"address": "10.0.0.7:8080"}),
		leader.WhenStarted(func(ctx context.Context) error { <-ctx.Done(); return nil }),
	)
	mux := http.NewServeMux()
	mux.Handle("/election/", http.StripPrefix("/election", leaderhttp.Handler(l)))
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.ListenAndServe(); err != http.ErrServerClosed {
			log.Print(err)
		}
	}()
	err := l.Run(ctx) // meanwhile /election/healthz answers 200
	_ = server.Close()
	if err != nil {
		log.Fatal(err)
	}
}

// docs/fleets.md shows a piece of this file.

// The nodes of a fleet wake each other.
func ExampleFleetHandler() {
	node := woken("10.0.0.7:8080",
		fleet.WithLeaseManager(file.New("leases")),
		fleet.WithShards(64),
		fleet.WhenAssigned(func(ctx context.Context, part string) error { <-ctx.Done(); return nil }),
	)
	fmt.Println(node.Status().Running)
	// Output: false
}

// woken returns a node that the others wake, and that wakes them. They reach it at the address.
func woken(address string, opts ...fleet.Option) *fleet.Fleet {
	f := fleet.New(append(opts,
		fleet.WithAttributes(map[string]string{leaderhttp.WatchAttribute: "http://" + address + "/fleet/watch"}),
		fleet.WithWake(leaderhttp.Follow(leaderhttp.FollowHosts("10.0.0.0/8"))),
	)...)
	http.Handle("/fleet/", http.StripPrefix("/fleet", leaderhttp.FleetHandler(f)))
	return f
}
