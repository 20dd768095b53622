//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/spawn"
	"github.com/cloudlease/leader/leaderhttp"
)

// childVariable makes this test's binary the service.
const childVariable = "SERVICE_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		if os.Getenv(lateVariable) != "" {
			driver = sendLate()
		}
		main()
		return
	}
	os.Exit(m.Run())
}

type vm struct {
	*spawn.Process
	url string
}

// start starts a node. Its environment has these variables, too.
func start(t *testing.T, dir string, environment ...string) *vm {
	return startWith(t, dir, "-lease-length=1s", environment...)
}

// startWith is start with a lease of another length.
func startWith(t *testing.T, dir, length string, environment ...string) *vm {
	cmd := spawn.Self(append(environment, childVariable+"=1")...)
	cmd.Args = append(cmd.Args, "-store", "file://"+dir+"/lease", "-database", dir+"/db", "-listen", "127.0.0.1:0", "-acquire-every", "20ms", length)
	v := &vm{Process: spawn.Start(t, cmd)}
	v.url = "http://" + v.After("listening on ")
	return v
}

// client has connections of these tests alone: the end of another test's server closes those of http.DefaultTransport.
var client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}

// ask returns the answer's status and text; 0 if there is none.
func (v *vm) ask(t *testing.T, method, path string) (int, string) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, v.url+path, nil)
	require.NoError(t, err)
	response, err := client.Do(request)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, strings.TrimSpace(string(body))
}

// leaderOf waits until one of the nodes leads, and returns it first.
func leaderOf(t *testing.T, nodes ...*vm) (leads *vm, others []*vm) {
	require.Eventually(t, func() bool {
		leads, others = nil, nil
		for _, v := range nodes {
			if code, _ := v.ask(t, http.MethodGet, "/leader"); code == http.StatusOK {
				leads = v
			} else {
				others = append(others, v)
			}
		}
		return leads != nil
	}, 30*time.Second, 5*time.Millisecond)
	return leads, others
}

// take takes a number from the leader, which may not have begun its work yet.
func (v *vm) take(t *testing.T, want int) {
	var text string
	require.Eventually(t, func() (taken bool) {
		var code int
		code, text = v.ask(t, http.MethodPost, "/numbers")
		return code == http.StatusOK
	}, 30*time.Second, 5*time.Millisecond)
	require.Equal(t, strconv.Itoa(want), text)
}

func TestFailover(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, others := leaderOf(t, start(t, dir), start(t, dir), start(t, dir))
	a.take(t, 1)
	a.take(t, 2)
	require.Eventually(t, func() bool { // once it has heard who leads
		code, text := others[0].ask(t, http.MethodPost, "/numbers")
		require.Equal(t, http.StatusServiceUnavailable, code)
		var says leaderhttp.NotLeading
		require.NoError(t, json.Unmarshal([]byte(text), &says))
		return says.Token == 1 && "http://"+says.Attributes["address"] == a.url
	}, 30*time.Second, 5*time.Millisecond)

	require.NoError(t, a.Kill())
	_ = a.Wait()
	b, others := leaderOf(t, others...)
	b.take(t, 3)

	require.NoError(t, b.Signal(syscall.SIGTERM))
	require.NoError(t, b.Wait(), "it stops in an orderly way")
	c, _ := leaderOf(t, others...)
	c.take(t, 4)
	require.Equal(t, []given{{1, 1}, {2, 1}, {3, 2}, {4, 3}}, ledger(t, dir+"/db"))
}

// A request that is under way when its leader is stopped is answered, and the lease is kept until then.
func TestStopFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const patient = "-lease-length=1m" // so that the request may take as long as this test does
	a := startWith(t, dir, patient, lateVariable+"=1")
	a.take(t, 1)
	b := startWith(t, dir, patient)
	underWay := make(chan string, 1)
	go func() { underWay <- post(a.url + "/numbers") }() // for the number 2
	a.After(sending)

	require.NoError(t, a.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool { // a request that comes sooner is let in, and waits for the first
		code, _ := a.ask(t, http.MethodGet, "/leader")
		return code == http.StatusServiceUnavailable
	}, 30*time.Second, 5*time.Millisecond)
	code, text := a.ask(t, http.MethodPost, "/numbers")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Contains(t, text, "this node no longer leads: it finishes the requests under way")
	require.Eventually(t, func() bool { // it may have begun to listen just now
		code, _ := b.ask(t, http.MethodGet, "/standby")
		return code == http.StatusOK
	}, 30*time.Second, 5*time.Millisecond)
	a.Tell("go on")
	require.Equal(t, "200 OK: 2\n<nil>", <-underWay)
	require.NoError(t, a.Wait())
	b.take(t, 3)
	require.Equal(t, []given{{1, 1}, {2, 1}, {3, 2}}, ledger(t, dir+"/db"))
}

// A given is a number, and the token of the term that gave it.
type given struct {
	number int
	token  uint64
}

// ledger returns the numbers that were given, in their order.
func ledger(t *testing.T, path string) (all []given) {
	db, err := open(t.Context(), path)
	require.NoError(t, err)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT number, token FROM numbers ORDER BY rowid")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var g given
		require.NoError(t, rows.Scan(&g.number, &g.token))
		all = append(all, g)
	}
	require.NoError(t, rows.Err())
	return all
}

// The files beside this one say what the program understands.
func TestFiles(t *testing.T) {
	t.Parallel()
	unit, err := os.ReadFile("numbers.service")
	require.NoError(t, err)
	command := regexp.MustCompile(`(?m)^ExecStart=\S+ (.*)$`).FindSubmatch(unit)
	require.NotNil(t, command)
	c, err := parse(strings.Fields(string(command[1])))
	require.NoError(t, err)
	require.Equal(t, config{"dynamodb://leases?region=eu-west-1", ":8080", "/var/lib/numbers/db", 15 * time.Second, time.Second, "%H:8080"}, c)

	state := regexp.MustCompile(`(?m)^StateDirectory=(\S+)$`).FindSubmatch(unit)
	require.NotNil(t, state, "a user whom systemd makes owns no other directory")
	require.Equal(t, "/var/lib/"+string(state[1]), filepath.Dir(c.database))

	proxy, err := os.ReadFile("haproxy.cfg")
	require.NoError(t, err)
	servers := regexp.MustCompile(`default-server (.*)`)
	documented, err := os.ReadFile("../../leaderhttp/doc.go")
	require.NoError(t, err)
	require.Equal(t, string(servers.Find(proxy)), string(servers.Find(documented)))
	check := regexp.MustCompile(`option httpchk (\w+) (\S+)`).FindStringSubmatch(string(proxy))
	require.NotNil(t, check)
	v, _ := leaderOf(t, start(t, t.TempDir()))
	code, text := v.ask(t, check[1], check[2])
	require.Equal(t, http.StatusOK, code, text)
	require.Contains(t, string(proxy), "path /numbers")
	require.Contains(t, string(proxy), fmt.Sprintf("10.0.0.11%s", c.listen))
}
