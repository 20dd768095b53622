//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// childVariable makes this test's binary the service.
const childVariable = "SERVICE_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

type vm struct {
	*exec.Cmd
	url string
}

func start(t *testing.T, dir string) *vm {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-store", "file://"+dir+"/lease", "-ledger", dir+"/ledger",
		"-listen", "127.0.0.1:0", "-lease-length", "1s", "-acquire-every", "20ms")
	cmd.Env = append(os.Environ(), childVariable+"=1", "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	return &vm{cmd, "http://" + strings.TrimSpace(strings.TrimPrefix(line, "listening on "))}
}

// ask returns the answer's status and text; 0 if there is none.
func (v *vm) ask(t *testing.T, method, path string) (int, string) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, v.url+path, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
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
	code, _ := others[0].ask(t, http.MethodPost, "/numbers")
	require.Equal(t, http.StatusServiceUnavailable, code)

	require.NoError(t, a.Process.Kill())
	_ = a.Wait()
	b, others := leaderOf(t, others...)
	b.take(t, 3)

	require.NoError(t, b.Process.Signal(syscall.SIGTERM))
	require.NoError(t, b.Wait(), "it stops in an orderly way")
	c, _ := leaderOf(t, others...)
	c.take(t, 4)
	ledger, err := os.ReadFile(filepath.Join(dir, "ledger"))
	require.NoError(t, err)
	require.Equal(t, "1 1\n1 2\n2 3\n3 4\n", string(ledger))
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
	require.Equal(t, config{"dynamodb://leases?region=eu-west-1", ":8080", "/srv/numbers/ledger", 15 * time.Second, time.Second}, c)

	proxy, err := os.ReadFile("haproxy.cfg")
	require.NoError(t, err)
	check := regexp.MustCompile(`option httpchk (\w+) (\S+)`).FindStringSubmatch(string(proxy))
	require.NotNil(t, check)
	v, _ := leaderOf(t, start(t, t.TempDir()))
	code, text := v.ask(t, check[1], check[2])
	require.Equal(t, http.StatusOK, code, text)
	require.Contains(t, string(proxy), "path /numbers")
	require.Contains(t, string(proxy), fmt.Sprintf("10.0.0.11%s", c.listen))
}
