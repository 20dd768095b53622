package experiment

import (
	"bytes"
	"io"
	"net"
	"sync"
)

// A proxy passes TCP connections on, from a node to a server. While it is silent it keeps what either side sends, and delivers it
// when it is healed: to both sides, the network is cut.
type proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu     sync.Mutex
	healed chan struct{} // closed while it passes on
	conns  map[net.Conn]struct{}
	closed bool
	wanted []byte // what to look for in the pieces that it keeps; nil: nothing
	seen   chan struct{}
}

func newProxy(target string) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, target: target, healed: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	close(p.healed)
	p.running.Go(p.accept)
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.healed = make(chan struct{})
}

func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.healed:
	default:
		close(p.healed)
	}
}

// cut closes all connections. New ones can be made.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.heal()
	p.cut()
	p.running.Wait()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

func (p *proxy) serve(client net.Conn) {
	defer p.keep(client)()
	p.pass(nil)
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer p.keep(server)()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			p.pump(way[0], way[1])
			_, _ = way[0].Close(), way[1].Close()
		})
	}
	both.Wait()
}

// pump passes on what one side sends.
func (p *proxy) pump(from io.Reader, to io.Writer) {
	piece := make([]byte, 16<<10)
	for {
		n, err := from.Read(piece)
		p.pass(piece[:n])
		if err != nil {
			return
		}
		if _, err := to.Write(piece[:n]); err != nil {
			return
		}
	}
}

// pass waits until the proxy passes on.
func (p *proxy) pass(piece []byte) {
	p.mu.Lock()
	healed := p.healed
	if p.wanted != nil && bytes.Contains(piece, p.wanted) {
		p.wanted = nil
		close(p.seen)
	}
	p.mu.Unlock()
	<-healed
}

// silenceUntil silences the proxy. The channel is closed when it keeps a piece with this text.
func (p *proxy) silenceUntil(text string) (kept <-chan struct{}) {
	p.silence()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted, p.seen = []byte(text), make(chan struct{})
	return p.seen
}

// keep remembers a connection, and returns a function that closes it.
func (p *proxy) keep(conn net.Conn) (forget func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = struct{}{}
	if p.closed {
		_ = conn.Close()
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, conn)
		_ = conn.Close()
	}
}
