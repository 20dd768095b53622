package wire

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"time"
)

// A Stage is a moment in the life of a request.
type Stage int

const (
	Before Stage = iota // the proxy has read the whole request, and the service has seen nothing of it
	After               // the service has answered, and the client has seen nothing of it
)

// A Fault happens to one request at one stage. The functions below make faults.
type Fault struct {
	stage Stage
	do    func(*exchange) (goOn bool)
}

// Cut closes the client's connection, as a server that ends does: the client reads an end of file.
func Cut(s Stage) Fault {
	return Fault{s, func(x *exchange) bool { return x.hangUp(false) }}
}

// Reset closes the client's connection with a TCP reset, as a machine that has restarted does.
func Reset(s Stage) Fault {
	return Fault{s, func(x *exchange) bool { return x.hangUp(true) }}
}

// Stall keeps the connection open, and sends nothing more over it until the client gives up.
func Stall(s Stage) Fault {
	return Fault{s, func(x *exchange) bool {
		x.wait(x.request.Context().Done())
		return x.hangUp(false)
	}}
}

// Hold holds the request until the channel is closed, and then lets it go on, even if the client has given up: so a request
// that is held Before arrives late.
func Hold(s Stage, until <-chan struct{}) Fault {
	return Fault{s, func(x *exchange) bool { return x.wait(until) }}
}

// Delay holds the request for d, and then lets it go on, even if the client has given up.
func Delay(s Stage, d time.Duration) Fault {
	return Fault{s, func(x *exchange) bool {
		passed := make(chan struct{})
		defer time.AfterFunc(d, func() { close(passed) }).Stop()
		return x.wait(passed)
	}}
}

// Reply answers instead of the service, which sees nothing of the request. It is for answers that no emulator can be made to
// give.
func Reply(status int, header http.Header, body string) Fault {
	return Fault{Before, func(x *exchange) bool {
		x.answer(status, header, []byte(body))
		return false
	}}
}

// An exchange is a request on its way through the proxy.
type exchange struct {
	proxy   *Proxy
	writer  http.ResponseWriter
	request *http.Request
}

// at lets the fault happen if this is its stage, and reports whether the request goes on.
func (x *exchange) at(s Stage, r rule) bool {
	if r.fault.do == nil || r.fault.stage != s {
		return true
	}
	if r.struck != nil {
		close(r.struck)
	}
	return r.fault.do(x)
}

// wait reports whether c was closed before the proxy was. If it was not, the request gets no answer.
func (x *exchange) wait(c <-chan struct{}) (goOn bool) {
	select {
	case <-c:
		return true
	case <-x.proxy.ctx.Done():
		return x.hangUp(false)
	}
}

// hangUp leaves the request without an answer. A handler that only returned would answer 200.
func (x *exchange) hangUp(reset bool) (goOn bool) {
	conn, _, err := x.writer.(http.Hijacker).Hijack()
	if err != nil {
		return false // it is closed already
	}
	hangUp(conn, reset)
	return false
}

func hangUp(conn net.Conn, reset bool) {
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0) // https://pkg.go.dev/net#TCPConn.SetLinger: unsent data is discarded, and a reset sent
	}
	_ = conn.Close()
}

func (x *exchange) answer(status int, header http.Header, body []byte) {
	for key, values := range header {
		x.writer.Header()[key] = values
	}
	x.writer.WriteHeader(status)
	_, _ = x.writer.Write(body)
}

// send sends the request to the service, whether or not the client is still there.
func (x *exchange) send(body []byte) (*http.Response, []byte, error) {
	p := x.proxy
	out := x.request.Clone(p.ctx)
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host = p.upstream.Scheme, p.upstream.Host
	if p.host != "" {
		out.Host = p.host
	}
	out.Body, out.ContentLength, out.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	if len(body) == 0 {
		out.Body = http.NoBody
	}
	resp, err := p.transport.RoundTrip(out)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp, answer, err
}
