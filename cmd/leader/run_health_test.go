//go:build unix

package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/lease"
)

func TestHealthCommand(t *testing.T) {
	s := commandtest.NewSite(t)
	sick := filepath.Join(t.TempDir(), "sick")
	n := s.Start(append(commandtest.Quick("--acquire-every", "20ms", "--health-cmd", "test ! -e "+sick+" || { echo it is sick; false; }"), "--",
		"sh", "-c", `echo $LEADER_TOKEN >>$FILE; exec sleep 1000`)...)
	s.AwaitLines(1)
	require.NoError(t, os.WriteFile(sick, nil, 0o600))
	commandtest.Eventually(t, "it steps down", func() bool { return s.Lease(defaultName).State == lease.Free })
	n.Await("this node is unhealthy")
	require.Contains(t, n.Output.String(), "it is sick")
	require.NoError(t, os.Remove(sick))
	require.Equal(t, []string{"1", "2"}, s.AwaitLines(2))
	n.Signal(syscall.SIGTERM)
	require.Equal(t, 0, n.Wait())
}

func TestHealthHTTP(t *testing.T) {
	s := commandtest.NewSite(t)
	var sick atomic.Bool
	sick.Store(true)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sick.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	n := s.Start(append(commandtest.Quick("--acquire-every", "20ms", "--health-http", server.URL+"/healthz"), "--",
		"sh", "-c", `echo $LEADER_TOKEN >>$FILE; exec sleep 1000`)...)
	n.Await("/healthz answered 500")
	require.Zero(t, s.Lease(defaultName).Token)
	sick.Store(false)
	s.AwaitLines(1)
	n.Signal(syscall.SIGTERM)
	require.Equal(t, 0, n.Wait())
}

// A load balancer that names no path is told whether this node leads, as by /leader.
func TestListenAnswersOptionsOfNoPath(t *testing.T) {
	s := commandtest.NewSite(t)
	options := func(n *commandtest.Node) (code string) {
		n.Await(`"address":"`)
		connection, err := net.Dial("tcp", regexp.MustCompile(`"address":"([^"]+)"`).FindStringSubmatch(n.Output.String())[1])
		require.NoError(t, err)
		defer connection.Close()
		_, err = io.WriteString(connection, "OPTIONS * HTTP/1.0\r\n\r\n")
		require.NoError(t, err)
		answer, err := io.ReadAll(connection)
		require.NoError(t, err)
		return strings.Fields(string(answer))[1]
	}
	start := func() *commandtest.Node {
		return s.Start("--listen", "127.0.0.1:0", "--log-format", "json", "--", "sh", "-c", `echo up >>$FILE; exec sleep 1000`)
	}
	a := start()
	s.AwaitLines(1)
	require.Equal(t, "200", options(a))
	require.Equal(t, "503", options(start()))
}

func TestListen(t *testing.T) {
	s := commandtest.NewSite(t)
	n := s.Start("--listen", "127.0.0.1:0", "--log-format", "json", "--", "sh", "-c", `echo up >>$FILE; exec sleep 1000`)
	s.AwaitLines(1)
	address := regexp.MustCompile(`"address":"([^"]+)"`).FindStringSubmatch(n.Output.String())
	require.NotNil(t, address, n.Output)
	response, err := webClient.Get("http://" + address[1] + "/leader")
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, "leading, with token 1\n", string(body))
	require.Equal(t, http.StatusOK, response.StatusCode)

	// Every command and page shows programs the same lease.
	response, err = webClient.Get("http://" + address[1] + "/status")
	require.NoError(t, err)
	defer response.Body.Close()
	var node struct{ Seen map[string]any }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&node))
	shown := decodeJSON[map[string]any](t, commandtest.End(t, commandtest.Command(t, "status", "--store", store.FileURL(s.Store), "--json")).Out)
	for _, when := range []string{"renewed", "age_seconds", "timed", "left_seconds"} { // which depend on when it was read, and by whom
		delete(shown, when)
		delete(node.Seen, when)
	}
	require.Equal(t, shown, node.Seen)
	require.Equal(t, "held", shown["state"])
	n.Signal(syscall.SIGTERM)
	require.Equal(t, 0, n.Wait())
}

// One check that fails is not yet ill health, where the user says so; so many in a row are.
func TestHealthAfter(t *testing.T) {
	s := commandtest.NewSite(t)
	asked, sick := filepath.Join(t.TempDir(), "asked"), filepath.Join(t.TempDir(), "sick")
	// Every third check is good.
	check := `echo x >>` + asked + `; test ! -e ` + sick + ` && test $(($(wc -l <` + asked + `) % 3)) = 0`
	n := s.Start("--renew-every", "1s", "--health-after", "3", "--health-cmd", check, "--",
		"sh", "-c", `echo $LEADER_TOKEN >>$FILE; exec sleep 1000`)
	s.AwaitLines(1)
	commandtest.Eventually(t, "it is asked again and again", func() bool {
		lines, err := os.ReadFile(asked)
		return err == nil && strings.Count(string(lines), "\n") >= 5
	})
	require.NotContains(t, n.Output.String(), "this node is unhealthy")
	require.NoError(t, os.WriteFile(sick, nil, 0o600))
	n.Await("this node is unhealthy")
	require.Equal(t, []string{"1"}, s.Lines())
	n.Signal(syscall.SIGTERM)
	require.Equal(t, 0, n.Wait())
}
