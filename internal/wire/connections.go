package wire

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
)

// Connections counts the connections to a test's server.
type Connections struct{ opened, closed atomic.Int32 }

// CountConnections counts those of a server that has not been started yet.
func CountConnections(server *httptest.Server) *Connections {
	c := &Connections{}
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			c.opened.Add(1)
		case http.StateClosed:
			c.closed.Add(1)
		}
	}
	return c
}

// Opened returns how many there were so far.
func (c *Connections) Opened() int { return int(c.opened.Load()) }

// Open returns how many there are.
func (c *Connections) Open() int { return int(c.opened.Load() - c.closed.Load()) }
