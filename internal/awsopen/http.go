package awsopen

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// forCredentials sets up the transport by which credentials are fetched, once in an hour or so: no connection is kept.
func forCredentials(t *http.Transport) {
	t.DisableKeepAlives = true
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.ForceAttemptHTTP2 = false
	t.TLSNextProto = nil // it is a copy of a transport that was set up for HTTP/2
	if t.TLSClientConfig != nil {
		t.TLSClientConfig.NextProtos = nil
	}
}

// A transport drops all idle connections when a request fails: what made one connection dead (a firewall that has
// forgotten it, an address that has moved) did so to the others, and each would cost another request.
type transport struct{ *http.Transport }

// transportOf returns the service's own transport, with the certificates that the configuration adds.
func transportOf(client aws.HTTPClient) transport {
	buildable, ok := client.(*awshttp.BuildableClient)
	if !ok {
		buildable = awshttp.NewBuildableClient().WithTransportOptions(forCredentials)
	}
	t := transport{buildable.GetTransport()} // a copy
	t.DisableKeepAlives = false
	return t
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.Transport.RoundTrip(r)
	if err != nil {
		t.CloseIdleConnections()
	}
	return resp, err
}

// stay follows no redirect: a signed request is for the service alone.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
