// The program is the custom handler of an Azure Function with a timer. Deployed in two regions, it does the job in one of them.
//
// GOOS=linux CGO_ENABLED=0 go build -o handler . && func azure functionapp publish NAME --custom
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	_ "github.com/cloudlease/leader/lease/azblob/byurl"
)

// limit is less than functionTimeout of host.json, so that the lease is released before the handler is killed.
const limit = 4*time.Minute + 30*time.Second

func main() {
	address := net.JoinHostPort("127.0.0.1", os.Getenv("FUNCTIONS_CUSTOMHANDLER_PORT"))
	server := &http.Server{Addr: address, Handler: routes(), ReadHeaderTimeout: time.Minute}
	log.Fatal(server.ListenAndServe())
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /report", handle) // the name of the function's folder
	return mux
}

// handle answers once everything is over, the release included: Azure may stop a handler that nobody waits for.
func handle(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	said := "done"
	if err := run(ctx); errors.Is(err, lease.ErrHeld) {
		said = "another region does the job"
	} else if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"Logs": []string{said}})
}

func run(ctx context.Context) error {
	manager, err := lease.Open(ctx, os.Getenv("LEADER_STORE"))
	if err != nil {
		return err
	}
	defer lease.Close(manager)
	return leader.New(
		leader.WithLeaseManager(manager),
		leader.WithLeaseName("report"),
		leader.WithLeaseLength(time.Minute), // at least as long as the lease is to be held, and Azure's longest
		leader.WithHoldAtLeast(time.Minute), // the timers of two regions differ by less
		leader.WhenStarted(report),
	).RunOnce(ctx)
}

// report is the job.
func report(ctx context.Context) error {
	term, _ := leader.TermFrom(ctx)
	if err := term.Check(); err != nil { // right before each effect
		return err
	}
	log.Println("reporting, with token", term.Token())
	return nil
}
