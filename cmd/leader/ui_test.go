package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/leaderui"
)

// webClient has connections of these tests alone: the end of another test's server closes those of http.DefaultTransport.
var webClient = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}

// The page of a real store, by a real process: with a token, and only with it.
func TestUI(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.acquire(t, "orders", "node-a", time.Hour, nil)
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("correct horse battery staple\n"), 0o600))
	cmd := commandtest.Command(t, "ui", "--store", s.url, "--listen", "127.0.0.1:0", "--auth", "token:"+token)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	address := regexp.MustCompile(`^http://127\.0\.0\.1:\d+/`).FindString(line)
	require.NotEmpty(t, address, line)
	get := func(path, token string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", address+path, nil)
		require.NoError(t, err)
		r.SetBasicAuth("me", token)
		answer, err := webClient.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, string(body)
	}
	code, _ := get("", "wrong")
	require.Equal(t, 401, code)
	code, page := get("", "correct horse battery staple")
	require.Equal(t, 200, code)
	require.Contains(t, page, "orders")
	require.NotContains(t, page, `action="break"`)
	code, body := get("state", "correct horse battery staple")
	require.Equal(t, 200, code)
	var state leaderui.State
	require.NoError(t, json.Unmarshal([]byte(body), &state))
	require.Equal(t, "orders", state.Leases[0].Name)
}

// Every flag that is wrong is named, at once, and the command does not begin.
func TestUI_Flags(t *testing.T) {
	t.Parallel()
	short := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(short, []byte("short"), 0o600))
	for _, test := range []struct {
		args string
		says []string
	}{
		{"--listen :0", []string{"--listen", "--auth"}},
		{"--listen 0.0.0.0:0", []string{"--listen", "--auth"}},
		{"--listen [::]:0", []string{"--listen", "--auth"}},
		{"--listen ui.example.com:80", []string{"--listen", "--auth"}},
		{"--listen here --every 1ms --requests 0 --host a:b --auth nonsense", []string{"--listen", "--every 1ms", "--requests 0", `--host "a:b"`, "--auth"}},
		{"--requests NaN", []string{"--requests"}},
		{"--auth token:" + short, []string{"has 5 bytes"}},
		{"--auth token:/does/not/exist", []string{"--auth"}},
		{"--auth header:X:Y", []string{"--auth"}},
		{"--listen 127.0.0.1:99999", []string{"--listen"}},
	} {
		out, err := commandtest.Command(t, append([]string{"ui", "--store", newShelf(t).url}, strings.Fields(test.args)...)...).CombinedOutput()
		require.Error(t, err, test.args)
		require.Contains(t, err.Error(), "exit status 2", string(out))
		for _, want := range test.says {
			require.Contains(t, string(out), want, test.args)
		}
	}
}
