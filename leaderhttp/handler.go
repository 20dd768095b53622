package leaderhttp

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// Handler returns a handler that shows what l is doing, as the package comment describes. It may be used before Run,
// while Run runs and after. Its only state are the requests that wait at /watch. Under a path prefix, wrap it in http.StripPrefix.
// With a nil Leader, it answers 503 to everything.
func Handler(l *leader.Leader) http.Handler { return &handler{leader: l} }

type handler struct {
	leader   *leader.Leader
	watchers watchers
}

// An answer is the response of one path.
type answer struct {
	code  int
	media string
	body  []byte
}

const (
	text     = "text/plain; charset=utf-8"
	jsonText = "application/json; charset=utf-8"
	methods  = "GET, HEAD, OPTIONS"
)

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hint := func() answer { return h.hint(r.URL.Query()) }
	if h.leader == nil || !serveWatch(w, r, h.watch, hint) {
		serve(w, r, "leader", h.answer)
	}
}

// serveWatch answers a request of /watch that waits or tells, and reports whether this was one.
func serveWatch(w http.ResponseWriter, r *http.Request, wait http.HandlerFunc, hint func() answer) bool {
	if strings.TrimPrefix(r.URL.Path, "/") != "watch" {
		return false
	}
	switch r.Method {
	case http.MethodGet:
		wait(w, r)
	case http.MethodHead:
		wait(headers{w}, r)
	case http.MethodPost:
		write(w, hint())
	default:
		return false
	}
	return true
}

// headers passes on what an answer has besides its body: HEAD is answered as GET is.
type headers struct{ http.ResponseWriter }

func (headers) Write(p []byte) (int, error) { return len(p), nil }

// allowed returns the methods of a path.
func allowed(path string) string {
	if path == "watch" {
		return methods + ", POST"
	}
	return methods
}

// serve answers a request by its path. A load balancer that asks without a path, by OPTIONS *, gets the answer of the path bare.
func serve(w http.ResponseWriter, r *http.Request, bare string, answer func(path string) answer) {
	path := strings.TrimPrefix(r.URL.Path, "/") // StripPrefix may or may not have left the slash
	if r.Method == http.MethodOptions && r.RequestURI == "*" {
		path = bare
	}
	a := answer(path)
	body := a.body
	switch r.Method {
	case http.MethodGet:
	case http.MethodHead:
		body = nil
	case http.MethodOptions:
		a.body, body = nil, nil
		w.Header().Set("Allow", allowed(path))
	default:
		if a.code != http.StatusNotFound {
			a = line(http.StatusMethodNotAllowed, "%s is not allowed: use %s", r.Method, allowed(path))
			body = a.body
			w.Header().Set("Allow", allowed(path))
		}
	}
	writeBody(w, a, body)
}

func write(w http.ResponseWriter, a answer) { writeBody(w, a, a.body) }

func writeBody(w http.ResponseWriter, a answer, body []byte) {
	setHeaders(w.Header(), a.media)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.code)
	_, _ = w.Write(body) // a write fails only if the client has gone away
}

func setHeaders(header http.Header, media string) {
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", policy)
	header.Set("Content-Type", media)
	header.Set("X-Content-Type-Options", "nosniff")
}

func (h *handler) answer(path string) answer {
	if h.leader == nil {
		return line(http.StatusServiceUnavailable, "there is no Leader: leaderhttp.Handler was given nil")
	}
	s := h.leader.Status()
	switch path {
	case "":
		return page(newStatus(s))
	case "leader":
		return check(s.State == leader.Leading, describe(s)) // Status says Leading only while Check is nil
	case "standby":
		if s.Health != nil {
			return check(false, s.Health.Error())
		}
		return check(s.State == leader.Standby && !s.Paused, describe(s))
	case "healthz":
		if why := unhealthy(s); why != "" {
			return check(false, why)
		}
		return check(true, "healthy: "+describe(s))
	case "status":
		return inJSON(newStatus(s))
	case "watch":
		return line(http.StatusOK, "watch: GET waits here, and POST tells")
	}
	return line(http.StatusNotFound, "not found: try leader, standby, healthz, status or watch, or the page above them")
}

func check(ok bool, why string) answer {
	if ok {
		return line(http.StatusOK, "%s", why)
	}
	return line(http.StatusServiceUnavailable, "%s", why)
}

func line(code int, format string, args ...any) answer {
	return answer{code, text, fmt.Appendf(nil, format+"\n", args...)}
}

// describe says in a few words what the node is doing.
func describe(s leader.Status) string {
	switch s.State {
	case leader.Leading:
		return fmt.Sprintf("leading, with token %d", s.Term.Token())
	case leader.Stopping:
		if s.Term.Check() == nil {
			return fmt.Sprintf("stopping: the lease is kept, with token %d, until the work has returned", s.Term.Token())
		}
		return "stopping: this node no longer holds the lease, and its work or Run has not returned yet"
	case leader.Idle:
		return "idle: Run is not running"
	}
	switch by := s.Seen; {
	case s.Paused:
		return "paused: this node does not ask for the lease"
	case by.Holder == "":
		return "standby"
	case by.Broken && by.State == lease.Held:
		return "standby: the lease was broken, and nobody leads until it has run out"
	case by.State == lease.Held:
		return fmt.Sprintf("standby: %q holds the lease with token %d", by.Holder, by.Token)
	default:
		return fmt.Sprintf("standby: the lease is %s; %q held it with token %d", by.State, by.Holder, by.Token)
	}
}

// unhealthy says why the node is not healthy; empty: it is.
func unhealthy(s leader.Status) string {
	switch {
	case s.State == leader.Idle:
		return describe(s)
	case s.Health != nil: // then the node does not ask the store, so the store's state is unknown
		return s.Health.Error()
	case s.Paused && s.State == leader.Standby: // then it may ask nothing, as not each manager can look
		return ""
	case s.Contact.IsZero():
		return withError("the lease store has not answered yet", s.Err)
	case silence(s) > patience(s) && s.State == leader.Stopping && s.Term.Check() != nil: // nobody asks the store meanwhile
		return withError(fmt.Sprintf("the term is over, and the work has not returned for %v: make it return when its context ends",
			time.Since(s.Since).Round(time.Millisecond)), s.Err)
	case silence(s) > patience(s):
		return withError(fmt.Sprintf("the lease store last answered %v ago", silence(s).Round(time.Millisecond)), s.Err)
	}
	return ""
}

func withError(what string, err error) string {
	if err == nil {
		return what
	}
	return fmt.Sprintf("%s: %v", what, err)
}

// silence returns the time since the store's last clear answer, by the monotonic clock, which Contact has a reading of.
func silence(s leader.Status) time.Duration { return max(time.Since(s.Contact), 0) }

// patience returns how long the store may be silent. A node that seldom asks may have one request without a clear
// answer. If no request has failed, the node may not have asked: one that sits out need not, for a length and an
// interval.
func patience(s leader.Status) time.Duration {
	d := max(s.Length, 2*s.AcquireEvery)
	if s.Err == nil {
		d *= 2
	}
	return d
}
