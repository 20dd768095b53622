package leaderhttp

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"sync"
	"time"
	"weak"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// What GET /watch answers, a line each.
const (
	watching = "watching" // at first, and then at each heartbeat
	changed  = "changed"  // at last, if the lease has changed hands
)

const (
	watchFor     = time.Minute      // the longest answer; then the client asks again
	heartbeat    = 10 * time.Second // proxies close connections that are idle for longer than this
	mostWatchers = 256              // of one handler
	lookAgain    = time.Second / 10 // after the wait has begun: Run may have ended just before, and nothing tells of that
)

// watchers are the requests that wait at GET /watch of one handler.
type watchers struct {
	mu   sync.Mutex
	n    int
	ends map[weak.Pointer[http.Server]]chan struct{} // closed when the server shuts down, which would wait for the requests
}

// enter counts a request, unless there are too many. It returns a channel that is closed when the request's server shuts down.
func (ws *watchers) enter(r *http.Request) (ends <-chan struct{}, ok bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.n >= mostWatchers {
		return nil, false
	}
	ws.n++
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	if server == nil {
		return nil, true
	}
	key := weak.Make(server) // a handler may outlive its servers
	if ws.ends[key] == nil {
		if ws.ends == nil {
			ws.ends = map[weak.Pointer[http.Server]]chan struct{}{}
		}
		end := make(chan struct{})
		ws.ends[key] = end
		server.RegisterOnShutdown(sync.OnceFunc(func() { close(end) }))
		runtime.AddCleanup(server, ws.forget, key) // not at once: after the shutdown, a request may come that was under way
	}
	return ws.ends[key], true
}

func (ws *watchers) forget(gone weak.Pointer[http.Server]) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	delete(ws.ends, gone)
}

func (ws *watchers) leave() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.n--
}

// crowded refuses a request, since too many wait.
func crowded(w http.ResponseWriter) answer {
	w.Header().Set("Retry-After", strconv.Itoa(int(heartbeat.Seconds())))
	return line(http.StatusServiceUnavailable, "watch: %d requests wait here already", mostWatchers)
}

// termIn reads which lease and term a request is about; ok is false if it does not say.
func termIn(query url.Values) (name string, token uint64, ok bool) {
	name = query.Get("lease")
	token, err := strconv.ParseUint(query.Get("token"), 10, 64)
	return name, token, err == nil && name != ""
}

func sayWhich(name string) answer {
	return line(http.StatusBadRequest, "watch: say which lease and term: watch?lease=%s&token=7", name)
}

func noPart(name string) answer {
	return line(http.StatusNotFound, "watch: this node takes no part in the lease %q", name)
}

func notHeld(name string, token uint64) answer {
	return line(http.StatusServiceUnavailable, "watch: this node does not hold the lease %q with token %d", name, token)
}

// watch answers GET /watch: it holds the answer open while the lease is held under the token that the request names, as far as this node
// knows.
func (h *handler) watch(w http.ResponseWriter, r *http.Request) {
	s := h.leader.Status()
	name, token, asked := termIn(r.URL.Query())
	switch {
	case !asked:
		write(w, sayWhich(s.Lease))
		return
	case name != s.Lease:
		write(w, noPart(name))
		return
	case s.State == leader.Idle && (s.Seen.Token != token || s.Seen.State == lease.Held): // it may just have given the lease back
		write(w, check(false, describe(s)))
		return
	}
	h.watchers.hold(w, r, func(ctx context.Context) bool {
		if s.State == leader.Idle { // Leaders waits for Run
			return true
		}
		for seen := range h.leader.Leaders(ctx) {
			if seen.State != lease.Held || seen.Token != token {
				return true
			}
		}
		return false
	}, func() bool { // it may have ended because Run has
		s := h.leader.Status()
		return s.Seen.Token != token || s.Seen.State != lease.Held
	})
}

// hold does what the function hold does, unless too many requests wait already.
func (ws *watchers) hold(w http.ResponseWriter, r *http.Request, wait func(ctx context.Context) bool, last func() bool) {
	ends, ok := ws.enter(r)
	if !ok {
		write(w, crowded(w))
		return
	}
	defer ws.leave()
	if r.Method == http.MethodHead {
		setHeaders(w.Header(), text)
		w.WriteHeader(http.StatusOK)
		return
	}
	hold(w, r, ends, wait, last)
}

// hold answers with lines until wait reports a change. If the server shuts down before that, last tells whether there is one now, and also a
// moment after wait was called.
func hold(w http.ResponseWriter, r *http.Request, ends <-chan struct{}, wait func(ctx context.Context) bool, last func() bool) {
	ctx, cancel := context.WithTimeout(r.Context(), watchFor)
	defer cancel()
	over := make(chan struct{})
	end := sync.OnceFunc(func() { close(over) })
	go func() {
		if wait(ctx) {
			end()
		}
	}()
	again := time.AfterFunc(lookAgain, func() {
		if last() {
			end()
		}
	})
	defer again.Stop()
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // that of the server would end the request; there may be none to set
	setHeaders(w.Header(), text)
	say := func(what string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(2 * heartbeat))
		_, err := io.WriteString(w, what+"\n")
		return err == nil && out.Flush() == nil
	}
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for say(watching) {
		select {
		case <-over:
			say(changed)
			return
		case <-ticker.C:
		case <-ctx.Done():
			return
		case <-ends:
			if last() {
				say(changed)
			}
			return
		}
	}
}
