package leaderhttp_test

import (
	"context"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease/file"
)

// A load balancer asks /election/leader, and a person opens /election/ in a browser.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
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
