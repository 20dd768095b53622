package awsopen

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// forCredentials configures the transport that fetches credentials. It keeps no connection, as it is used about once an
// hour.
func forCredentials(t *http.Transport) {
	t.DisableKeepAlives = true
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.ForceAttemptHTTP2 = false
	t.TLSNextProto = nil // the copied transport was configured for HTTP/2
	if t.TLSClientConfig != nil {
		t.TLSClientConfig.NextProtos = nil
	}
}

// A transport drops all idle connections when a request fails. What killed one connection (a firewall that has
// forgotten it, an address that has moved) killed the others, too, and each would cost another request.
type transport struct{ *http.Transport }

// transportOf returns the transport for the store's service, with the certificates that the configuration adds.
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
