//go:build unix

package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
)

// With --follow, a node waits where the holder of a lease publishes it: a standby at the leader, the nodes of a fleet at the coordinator, and the
// coordinator at the nodes. It asks no host that is not named, and says so.
func TestFollow(t *testing.T) {
	watches := map[string]chan struct{}{"/leader": make(chan struct{}), "/seat": make(chan struct{}), "/office": make(chan struct{})}
	other := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		asked := watches[r.URL.Path]
		if asked == nil {
			other <- r.URL.String()
			return
		}
		select {
		case asked <- struct{}{}:
		case <-r.Context().Done():
		}
		<-r.Context().Done()
	}))
	defer server.Close()
	defer server.CloseClientConnections()
	s := commandtest.NewSite(t)
	wakes := func(at, host string) []string {
		return []string{"--listen", "127.0.0.1:0", "--attribute", "watch=" + server.URL + at, "--follow", host, "--node", at[1:]}
	}
	program := []string{"--", "sh", "-c", "echo up >>$FILE; exec sleep 1000"}
	run := func(at, host string) *commandtest.Node {
		return s.Start(append(append([]string{"--name", "orders"}, wakes(at, host)...), program...)...)
	}
	run("/leader", "127.0.0.1")
	s.AwaitLines(1)
	run("/standby", "127.0.0.0/8")
	<-watches["/leader"]
	stranger := run("/stranger", "10.0.0.0/8")
	stranger.Await(`the holder \"leader\" is at \"127.0.0.1\": name that host with --follow, if it may be asked`)

	fleet := func(at string) *commandtest.Node {
		return s.Launch(s.Fleet(append(append(quickFleet("--shards", "2"), wakes(at, "127.0.0.1")...), program...)...))
	}
	fleet("/office")
	s.AwaitLines(3)
	fleet("/seat")
	<-watches["/office"]
	<-watches["/seat"]
	require.Empty(t, other, "nobody waits at a node that holds nothing")
}
