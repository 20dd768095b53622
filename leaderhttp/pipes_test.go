package leaderhttp_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// A network has servers and clients in a bubble of virtual time: their connections are pipes.
type network struct {
	t       *testing.T
	mu      sync.Mutex
	servers map[string]*pipes // by address
}

func newNetwork(t *testing.T) *network { return &network{t: t, servers: map[string]*pipes{}} }

// serve serves at the address until the test ends.
func (n *network) serve(address string, handler http.Handler, timeouts ...time.Duration) *http.Server {
	listener := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	n.servers[address] = listener
	n.mu.Unlock()
	server := &http.Server{Handler: handler}
	for _, d := range timeouts {
		server.ReadTimeout, server.WriteTimeout = d, d
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	n.t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return server
}

// client returns a client whose host names are those of the servers.
func (n *network) client() *http.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		n.mu.Lock()
		listener := n.servers[address]
		n.mu.Unlock()
		if listener == nil {
			return nil, fmt.Errorf("nobody listens at %s", address)
		}
		here, there := net.Pipe()
		select {
		case listener.conns <- there:
			return here, nil
		case <-listener.closed:
			return nil, fmt.Errorf("nobody listens at %s any more", address)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}}
	n.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// pipes is a net.Listener.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }
