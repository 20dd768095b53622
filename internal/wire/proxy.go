package wire

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"
)

// A Proxy passes HTTP/1.1 requests on to one service, and breaks those that it is told to. Cuts and resets are those of real
// TCP connections. Requests are counted in the order in which they have arrived completely. It is safe for concurrent use.
//
// It passes on the path, the query, the body and the headers unchanged, including Host, so that signatures stay valid.
type Proxy struct {
	t         testing.TB
	upstream  *url.URL
	host      string
	transport *http.Transport
	address   string

	ctx  context.Context // ends with the proxy
	busy sync.WaitGroup  // requests and servers

	mu     sync.Mutex
	server *http.Server // nil: connections are refused
	resets bool         // connections are reset
	seen   int
	rules  map[int]rule // by number of the request
	every  rule
}

type rule struct {
	fault  Fault
	struck chan struct{} // nil: nobody waits for it
}

// An Option changes a Proxy.
type Option func(*Proxy)

// WithHost replaces the client's Host header, for a service that routes by it.
func WithHost(host string) Option { return func(p *Proxy) { p.host = host } }

// NewProxy returns a proxy of the service at the URL, which runs until the test ends.
func NewProxy(t testing.TB, upstream string, opts ...Option) *Proxy {
	t.Helper()
	u, err := url.Parse(upstream)
	if err != nil || u.Host == "" {
		t.Fatalf("wire: %q is not the URL of a service: %v", upstream, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{
		t: t, upstream: u, address: "127.0.0.1:0", ctx: ctx, rules: map[int]rule{},
		// Compressed answers stay compressed, and no kept connection can turn out closed, which would be a fault not of the test.
		transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true},
	}
	for _, opt := range opts {
		opt(p)
	}
	p.listen(false)
	t.Cleanup(func() {
		cancel()
		p.mu.Lock()
		p.stop()
		p.mu.Unlock()
		p.busy.Wait() // a request that arrives now finds ctx ended
	})
	return p
}

// URL returns where the proxy listens: http://127.0.0.1:N. It stays the same.
func (p *Proxy) URL() string { return "http://" + p.address }

// Seen returns how many requests have come so far.
func (p *Proxy) Seen() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// OnRequest breaks the k-th request from now; 1 is the next one. The channel is closed when that request is at the fault's
// stage.
func (p *Proxy) OnRequest(k int, f Fault) (struck <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := rule{f, make(chan struct{})}
	p.rules[p.seen+k] = r
	return r.struck
}

// OnEvery breaks every request from now on that OnRequest does not break.
func (p *Proxy) OnEvery(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.every = rule{fault: f}
}

// Refuse closes all connections and refuses new ones, like a machine on which nothing listens.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop()
}

// ResetConnections closes all connections, and resets new ones as soon as they are made.
func (p *Proxy) ResetConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listen(true)
}

// Heal ends all that the methods above began. Requests that are stalled or held stay so, and healthy connections are kept.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules, p.every = map[int]rule{}, rule{}
	if p.server == nil || p.resets {
		p.listen(false)
	}
}

// The caller of the methods below holds the lock.

func (p *Proxy) stop() {
	if p.server != nil {
		_ = p.server.Close()
		p.server = nil
	}
}

// listen starts again, without any connection.
func (p *Proxy) listen(reset bool) {
	p.stop()
	listener, err := listen(p.address)
	if err != nil {
		p.t.Errorf("wire: %v", err)
		return
	}
	p.address, p.resets = listener.Addr().String(), reset
	if reset {
		listener = resetting{listener}
	}
	server := &http.Server{Handler: http.HandlerFunc(p.handle), ErrorLog: log.New(io.Discard, "", 0)}
	p.server = server
	p.busy.Go(func() { _ = server.Serve(listener) })
}

// listen tries for a while: after Refuse has given the port up, an outgoing connection of another program may have it for a
// moment.
func listen(address string) (net.Listener, error) {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		listener, err := net.Listen("tcp", address)
		if err == nil || time.Now().After(deadline) {
			return listener, err
		}
	}
}

// resetting is a listener that resets each connection.
type resetting struct{ net.Listener }

func (l resetting) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		hangUp(conn, true)
	}
}

func (p *Proxy) handle(w http.ResponseWriter, r *http.Request) {
	x := &exchange{p, w, r}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		x.hangUp(false) // the client has not sent a whole request
		return
	}
	rule, ok := p.enter()
	if !ok {
		x.hangUp(false)
		return
	}
	defer p.busy.Done()
	if !x.at(Before, rule) {
		return
	}
	resp, answer, err := x.send(body)
	if err != nil {
		x.answer(http.StatusBadGateway, nil, fmt.Appendf(nil, "wire: %v", err))
		return
	}
	if x.at(After, rule) {
		x.answer(resp.StatusCode, resp.Header, answer)
	}
}

// enter counts a request, and returns the rule for it; not ok: the proxy is closed.
func (p *Proxy) enter() (r rule, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return rule{}, false
	}
	p.busy.Add(1)
	p.seen++
	if r, ok := p.rules[p.seen]; ok {
		return r, true
	}
	return p.every, true
}
