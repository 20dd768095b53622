//go:build unix

package main

import (
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

	"github.com/cloudlease/leader/lease"
)

func TestHealthCommand(t *testing.T) {
	s := newSite(t)
	sick := filepath.Join(t.TempDir(), "sick")
	n := s.start(append(quick("--acquire-every", "20ms", "--health-cmd", "test ! -e "+sick+" || { echo it is sick; false; }"), "--",
		"sh", "-c", `echo $LEADER_TOKEN >>$FILE; exec sleep 1000`)...)
	s.awaitLines(1)
	require.NoError(t, os.WriteFile(sick, nil, 0o600))
	eventually(t, "it steps down", func() bool { return s.lease(defaultName).State == lease.Free })
	eventually(t, "it does not campaign", func() bool { return strings.Contains(n.output.String(), "this node is unhealthy") })
	require.Contains(t, n.output.String(), "it is sick")
	require.NoError(t, os.Remove(sick))
	require.Equal(t, []string{"1", "2"}, s.awaitLines(2))
	n.signal(syscall.SIGTERM)
	require.Equal(t, 0, n.wait())
}

// One that hangs is unhealthy, and does not stay.
func TestHealthCommandHangs(t *testing.T) {
	s := newSite(t)
	n := s.start(append(quick("--once", "--health-timeout", "50ms", "--health-cmd", `sh -c 'echo $$ >>$FILE; sleep 1000; :'`), "--", "true")...)
	require.Equal(t, exitFailed, n.wait())
	require.Contains(t, n.output.String(), "deadline exceeded")
	for _, pid := range s.awaitPids(1) {
		eventually(t, "it is killed", func() bool { return !alive(pid) })
	}
}

func TestHealthHTTP(t *testing.T) {
	s := newSite(t)
	var sick atomic.Bool
	sick.Store(true)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sick.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	n := s.start(append(quick("--acquire-every", "20ms", "--health-http", server.URL+"/healthz"), "--",
		"sh", "-c", `echo $LEADER_TOKEN >>$FILE; exec sleep 1000`)...)
	eventually(t, "it does not campaign", func() bool { return strings.Contains(n.output.String(), "/healthz answered 500") })
	require.Zero(t, s.lease(defaultName).Token)
	sick.Store(false)
	s.awaitLines(1)
	n.signal(syscall.SIGTERM)
	require.Equal(t, 0, n.wait())
}

// What is asked is the service itself: no proxy that is well, and no page that it redirects to.
func TestHealthHTTPAsksTheServiceItself(t *testing.T) {
	well := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(well.Close)
	for says, test := range map[string]http.HandlerFunc{
		"answered 500":                     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"answered 302 Found: name the URL": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, well.URL, http.StatusFound) },
	} {
		t.Run(says, func(t *testing.T) {
			s := newSite(t)
			service := httptest.NewServer(test)
			t.Cleanup(service.Close)
			// Go never uses a proxy for 127.0.0.1; this is another name of it.
			cmd := s.command("--once", "--health-http", strings.Replace(service.URL, "127.0.0.1", "0.0.0.0", 1), "--", "true")
			cmd.Env = append(cmd.Env, "HTTP_PROXY="+well.URL, "http_proxy="+well.URL)
			n := s.launch(cmd)
			require.Equal(t, exitFailed, n.wait())
			require.Contains(t, n.output.String(), says)
		})
	}
}

// A load balancer that names no path is told whether this node leads, as by /leader.
func TestListenAnswersOptionsOfNoPath(t *testing.T) {
	s := newSite(t)
	options := func(n *node) (code string) {
		eventually(t, "it listens", func() bool { return strings.Contains(n.output.String(), `"address":"`) })
		connection, err := net.Dial("tcp", regexp.MustCompile(`"address":"([^"]+)"`).FindStringSubmatch(n.output.String())[1])
		require.NoError(t, err)
		defer connection.Close()
		_, err = io.WriteString(connection, "OPTIONS * HTTP/1.0\r\n\r\n")
		require.NoError(t, err)
		answer, err := io.ReadAll(connection)
		require.NoError(t, err)
		return strings.Fields(string(answer))[1]
	}
	start := func() *node {
		return s.start("--listen", "127.0.0.1:0", "--log-format", "json", "--", "sh", "-c", `echo up >>$FILE; exec sleep 1000`)
	}
	a := start()
	s.awaitLines(1)
	require.Equal(t, "200", options(a))
	require.Equal(t, "503", options(start()))
}

func TestListen(t *testing.T) {
	s := newSite(t)
	n := s.start("--listen", "127.0.0.1:0", "--log-format", "json", "--", "sh", "-c", `echo up >>$FILE; exec sleep 1000`)
	s.awaitLines(1)
	address := regexp.MustCompile(`"address":"([^"]+)"`).FindStringSubmatch(n.output.String())
	require.NotNil(t, address, n.output)
	response, err := http.Get("http://" + address[1] + "/leader")
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, "leading, with token 1\n", string(body))
	require.Equal(t, http.StatusOK, response.StatusCode)
	n.signal(syscall.SIGTERM)
	require.Equal(t, 0, n.wait())
}

// One check that fails is not yet ill health, where the user says so; so many in a row are.
func TestHealthAfter(t *testing.T) {
	s := newSite(t)
	asked, sick := filepath.Join(t.TempDir(), "asked"), filepath.Join(t.TempDir(), "sick")
	// Every third check is good.
	check := `echo x >>` + asked + `; test ! -e ` + sick + ` && test $(($(wc -l <` + asked + `) % 3)) = 0`
	n := s.start("--renew-every", "1s", "--health-after", "3", "--health-cmd", check, "--",
		"sh", "-c", `echo $LEADER_TOKEN >>$FILE; exec sleep 1000`)
	s.awaitLines(1)
	eventually(t, "it is asked again and again", func() bool {
		lines, err := os.ReadFile(asked)
		return err == nil && strings.Count(string(lines), "\n") >= 5
	})
	require.NotContains(t, n.output.String(), "this node is unhealthy")
	require.NoError(t, os.WriteFile(sick, nil, 0o600))
	eventually(t, "it steps down", func() bool { return strings.Contains(n.output.String(), "this node is unhealthy") })
	require.Equal(t, []string{"1"}, s.lines())
	n.signal(syscall.SIGTERM)
	require.Equal(t, 0, n.wait())
}

// A health check's URL may have a secret in it.
func TestHealthHTTPShowsNoSecret(t *testing.T) {
	s := newSite(t)
	for _, url := range []string{"http://127.0.0.1:1/healthz?token=SECRET", "http://user:SECRET@127.0.0.1:1", "ftp://user:SECRET@host", "http:SECRET"} {
		n := s.start(append(quick("--once", "--health-http", url), "--", "true")...)
		require.NotZero(t, n.wait())
		require.Contains(t, n.output.String(), "--health-http")
		require.NotContains(t, strings.ReplaceAll(n.output.String(), url, ""), "SECRET")
	}
}
