package leaderhttp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/spawn"
	"github.com/cloudlease/leader/internal/suspend"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease/file"
)

// childLeases makes this binary a leader's process: the directory of its lease.
const childLeases = "LEADERHTTP_TEST_LEASES"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childLeases); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

// child leads, tells its address, and ends with its standard input.
func child(dir string) {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	l := onFile(dir, "child")
	server := httptest.NewServer(leaderhttp.Handler(l))
	fmt.Println(server.Listener.Addr())
	if err := l.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func onFile(dir, id string) *leader.Leader {
	return leader.New(
		leader.WithLeaseManager(file.New(dir)), leader.WithNodeID(id), leader.WithLeaseLength(4*time.Second),
		leader.WithAcquireEvery(100*time.Millisecond), leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WhenStarted(func(ctx context.Context) error { <-ctx.Done(); return nil }),
	)
}

// A real process that leads is stopped for longer than its lease. A request waits for it in its socket, from before it
// goes on: the first thing it does is to answer, and it must not say that it leads.
func TestStoppedProcess(t *testing.T) {
	dir := t.TempDir()
	p := spawn.Start(t, spawn.Self(childLeases+"="+dir))
	address := p.Line()
	require.Eventually(t, func() bool { return ask(t, dial(t, address)) == http.StatusOK }, time.Minute, 20*time.Millisecond)

	var waiting []net.Conn // each has been accepted, so that its goroutine needs nobody to wake it
	for range 8 {
		conn := dial(t, address)
		ask(t, conn)
		waiting = append(waiting, conn)
	}
	require.NoError(t, suspend.Between(p.Pid, dir))
	standby := onFile(dir, "standby")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- standby.Run(ctx) }()
	require.Eventually(t, func() bool { return standby.Status().State == leader.Leading }, time.Minute, 10*time.Millisecond)
	for _, conn := range waiting {
		write(t, conn)
	}
	require.NoError(t, p.Signal(syscall.SIGCONT))
	for _, conn := range waiting {
		require.Equal(t, http.StatusServiceUnavailable, read(t, conn))
	}
	stop()
	require.NoError(t, <-ended)
	require.Eventually(t, func() bool { return ask(t, dial(t, address)) == http.StatusOK }, time.Minute, 20*time.Millisecond, "it leads again")
	require.NoError(t, p.End())
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	return conn
}

func ask(t *testing.T, conn net.Conn) int {
	t.Helper()
	write(t, conn)
	return read(t, conn)
}

func write(t *testing.T, conn net.Conn) {
	t.Helper()
	_, err := io.WriteString(conn, "HEAD /leader HTTP/1.1\r\nHost: node\r\n\r\n")
	require.NoError(t, err)
}

func read(t *testing.T, conn net.Conn) int {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodHead})
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}
