package leaderui

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlease/leader/internal/absent"
	"github.com/cloudlease/leader/lease"
)

var (
	//go:embed page.css
	pageCSS []byte
	//go:embed page.js
	pageJS []byte
)

// A UI is a page that shows a store. Make one with New. It is safe for concurrent use.
type UI struct {
	options options
	reader  *reader
	origin  *http.CrossOriginProtection
	invalid error
}

// New returns the page of the manager's store. It reads nothing until somebody asks for the page. Close it when it is no longer
// needed. It never fails: with invalid options, or a nil manager, the page answers 500 to everything, and says why; so does Validate
// of the options.
func New(m lease.Manager, opts ...Option) *UI {
	o := optionsOf(opts)
	invalid := o.validate()
	if absent.Is(m) {
		m, invalid = nil, errors.Join(errors.New("leaderui: the manager is nil"), invalid)
	}
	return &UI{options: o, reader: newReader(m, o), origin: http.NewCrossOriginProtection(), invalid: invalid}
}

// Close ends the looks at the store, and open streams, and waits for the look under way. The page goes on showing what it knows.
func (u *UI) Close() { u.reader.close() }

// policy lets the page load its style and its script, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// ServeHTTP serves the page, as the package comment describes.
func (u *UI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer") // names of leases stand in addresses
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if !u.admit(w, r) {
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/") // StripPrefix may or may not have left the slash
	if action, ok := actions[path]; ok && u.options.actions {
		if r.Method != http.MethodPost {
			h.Set("Allow", "POST")
			refuse(w, http.StatusMethodNotAllowed, "%s is not allowed: use POST", r.Method)
			return
		}
		u.act(w, r, action)
		return
	}
	serve, found := map[string]func(http.ResponseWriter, *http.Request){
		"": u.page, "state": u.json, "events": u.events,
		"page.css": asset("text/css; charset=utf-8", pageCSS), "page.js": asset("text/javascript; charset=utf-8", pageJS),
		"icon.svg": asset("image/svg+xml", []byte(icon)),
	}[path]
	switch {
	case !found:
		refuse(w, http.StatusNotFound, "not found: try the page above this, or state")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "%s is not allowed: use GET or HEAD", r.Method)
	default:
		serve(w, r)
	}
}

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect x="1" y="3" width="14" height="3" rx="1" fill="#3b6fb5"/><rect x="1" y="10" width="8" height="3" rx="1" fill="#8a94a3"/></svg>`

func asset(kind string, content []byte) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) { send(w, r, kind, content) }
}

// send answers with 200.
func send(w http.ResponseWriter, r *http.Request, kind string, content []byte) {
	w.Header().Set("Content-Type", kind)
	if len(content) > 4096 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
		_, _ = z.Write(content)
		_ = z.Close()
		content = b.Bytes()
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Vary", "Accept-Encoding")
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(content) // a write fails only if the client has gone away
	}
}

func refuse(w http.ResponseWriter, code int, format string, args ...any) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprintf(w, format+"\n", args...)
}

// firstAnswer is how long a page waits for the store: longer, and it shows that there is no answer yet.
const firstAnswer = time.Second

// fresh has the reader look, and waits a moment if what it knows is old.
func (u *UI) fresh(r *http.Request) {
	u.reader.visit()
	late := time.NewTimer(firstAnswer)
	defer late.Stop()
	for {
		s, _, news := u.reader.latest()
		if s.err != nil || time.Since(s.at) < 2*max(s.pause, u.options.every) {
			return
		}
		select {
		case <-news:
		case <-late.C:
			return
		case <-r.Context().Done():
			return
		}
	}
}

func (u *UI) page(w http.ResponseWriter, r *http.Request) {
	u.fresh(r)
	v := u.view(queryOf(r.URL.Query()))
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, "page", v); err != nil {
		refuse(w, http.StatusInternalServerError, "the page cannot be shown: %v", err)
		return
	}
	send(w, r, "text/html; charset=utf-8", b.Bytes())
}

// json answers with a State.
func (u *UI) json(w http.ResponseWriter, r *http.Request) {
	u.fresh(r)
	s, asking, _ := u.reader.latest()
	body, err := json.MarshalIndent(s.public(asking, u.options.rate), "", "  ")
	if err != nil {
		refuse(w, http.StatusInternalServerError, "the state cannot be shown: %v", err)
		return
	}
	send(w, r, "application/json; charset=utf-8", append(body, '\n'))
}
