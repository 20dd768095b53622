package leaderhttp_test

import (
	"bufio"
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A waiting is a request to /watch.
type waiting struct {
	lines chan string // closed with the answer
	end   context.CancelFunc
}

func wait(t *testing.T, client *http.Client, url string) *waiting {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := client.Do(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	w := &waiting{lines: make(chan string, 1000), end: end}
	go func() {
		defer close(w.lines)
		defer resp.Body.Close()
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			w.lines <- s.Text()
		}
	}()
	return w
}

// said returns what was answered so far, and whether that is all.
func (w *waiting) said() (lines []string, all bool) {
	synctest.Wait()
	for {
		select {
		case line, ok := <-w.lines:
			if !ok {
				return lines, true
			}
			lines = append(lines, line)
		default:
			return lines, false
		}
	}
}

// GET /watch is held open, with heartbeats, until the lease changes hands: at the leader, and at a standby that has heard of it. A server's
// timeouts do not end it.
func TestWatch_UntilTheLeaseChangesHands(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		net := newNetwork(t)
		a, b := w.node("a").run(), w.node("b").run()
		net.serve("a:80", a, time.Second)
		net.serve("b:80", b)
		atA, atB := wait(t, net.client(), "http://a/watch?lease=orders&token=1"), wait(t, net.client(), "http://b/watch?lease=orders&token=1")
		other := wait(t, net.client(), "http://a/watch?lease=orders&token=2")
		lines, all := other.said()
		assert.Equal(t, []string{"watching", "changed"}, lines, "the client has seen another term")
		assert.True(t, all)

		time.Sleep(25 * time.Second)
		lines, all = atA.said()
		assert.Equal(t, []string{"watching", "watching", "watching"}, lines)
		assert.False(t, all)
		a.stop()
		time.Sleep(20 * time.Second) // its work has not returned
		lines, all = atA.said()
		assert.Equal(t, []string{"watching", "watching"}, lines)
		assert.False(t, all)
		atA.end()
		again := wait(t, net.client(), "http://a/watch?lease=orders&token=1")
		require.NoError(t, <-a.ended)
		lines, all = again.said()
		assert.Equal(t, "changed", lines[len(lines)-1])
		assert.True(t, all)
		time.Sleep(length)
		lines, all = atB.said()
		assert.NotContains(t, lines, "changed", "a minute was over before")
		assert.True(t, all)
		b.end()
	})
}

// An answer ends after a minute, or when the client has gone, or the server shuts down; then another one may wait.
func TestWatch_IsBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		net := newNetwork(t)
		a := w.node("a").run()
		server := net.serve("a:80", a)
		const url = "http://a/watch?lease=orders&token=1"
		var all []*waiting
		for range 256 {
			all = append(all, wait(t, net.client(), url))
		}
		refused, err := net.client().Get(url)
		require.NoError(t, err)
		assert.Equal(t, http.StatusServiceUnavailable, refused.StatusCode)
		assert.Equal(t, "10", refused.Header.Get("Retry-After"))
		require.NoError(t, refused.Body.Close())
		all[0].end()
		synctest.Wait()
		all[0] = wait(t, net.client(), url)
		time.Sleep(time.Minute)
		for _, one := range all {
			lines, over := one.said()
			assert.NotContains(t, lines, "changed")
			assert.True(t, over)
		}

		last := wait(t, net.client(), url)
		synctest.Wait()
		before := time.Now()
		require.NoError(t, server.Shutdown(t.Context()))
		lines, over := last.said()
		assert.Equal(t, []string{"watching"}, lines)
		assert.True(t, over)
		assert.Less(t, time.Since(before), 5*time.Second)
		a.end()
	})
}

func TestWatch_Refuses(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.node("a")
		assert.Equal(t, http.StatusServiceUnavailable, a.get("/watch?lease=orders&token=1").Code, "it does not run")
		a.run()
		for path, code := range map[string]int{
			"/watch": 400, "/watch?lease=orders": 400, "/watch?lease=orders&token=x": 400, "/watch?token=1": 400, "/watch?lease=other&token=1": 404,
		} {
			assert.Equal(t, code, a.get(path).Code, path)
		}
		assert.Equal(t, http.StatusOK, a.ask(http.MethodHead, "/watch?lease=orders&token=1").Code, "at once")
		assert.Equal(t, http.StatusOK, a.ask(http.MethodOptions, "/watch?lease=orders&token=1").Code, "at once")
		assert.Equal(t, http.StatusMethodNotAllowed, a.ask(http.MethodPut, "/watch?lease=orders&token=1").Code)
		a.end()
		assert.Equal(t, "watching\nchanged\n", a.get("/watch?lease=orders&token=1").Body.String(), "it has just given it back")
		assert.Equal(t, http.StatusServiceUnavailable, a.get("/watch?lease=orders&token=2").Code)
	})
}
