package service

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/cloudlease/leader/internal/wire"
)

// A classifier returns the kind of a request, and the service's name for it. It does not read the body.
type classifier func(*http.Request) (wire.Kind, string)

// serve serves and counts requests on a new port, and returns the URL: http://127.0.0.1:N.
func (p *part) serve(handler http.Handler, classify classifier) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p.note(classify(r))
			handler.ServeHTTP(w, r)
		}),
		ErrorLog: log.New(io.Discard, "", 0),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	p.stops = append(p.stops, func() {
		_ = server.Close()
		<-ended
	})
	return "http://" + listener.Addr().String(), nil
}

// pass returns a handler that passes everything on to the service at the URL, unchanged. Unless host is given, the client's
// Host stays: its signature may cover that.
func pass(upstream *url.URL, host string) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = upstream.Scheme, upstream.Host, r.In.Host
			if host != "" {
				r.Out.Host = host
			}
		},
		// Each candidate may keep a connection. Compressed answers stay compressed.
		Transport: &http.Transport{MaxIdleConnsPerHost: 1000, DisableCompression: true},
		ErrorLog:  log.New(io.Discard, "", 0), // candidates are killed, so their errors are no news
	}
}

// address parses the URL of an emulator from an environment variable.
func address(value string) (*url.URL, error) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return nil, fmt.Errorf("%q is not the URL of an emulator", value)
	}
	return u, nil
}

// dial waits until something listens.
func dial(ctx context.Context, address string) (net.Conn, error) {
	var conn net.Conn
	err := eventually(ctx, func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", address)
		return err
	})
	return conn, err
}
