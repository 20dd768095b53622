package emulator

import (
	"cmp"
	"os"
	"strings"
	"testing"

	"github.com/cloudlease/leader/internal/wire"
)

// Services are all services.
var Services = []Service{DynamoDB, S3, GCS, Azure}

// Endpoint returns the URL of the service's emulator; "" if the tests run on the real service.
func Endpoint(s Service) string {
	variables := endpoints[s]
	value := os.Getenv(variables[0])
	switch {
	case s == Azure:
		_, endpoint, _ := strings.Cut(value, "BlobEndpoint=")
		endpoint, _, is := strings.Cut(endpoint, "/devstoreaccount1")
		if !is {
			return ""
		}
		return endpoint
	case s == GCS && value != "" && !strings.Contains(value, "://"):
		return "http://" + value
	case len(variables) > 1:
		return cmp.Or(value, os.Getenv(variables[1]))
	}
	return value
}

// At returns the variable, and its value, that lead a program's SDK to the service at another endpoint, such as a proxy's.
func At(s Service, endpoint string) (variable, value string) {
	variable = endpoints[s][0]
	switch s {
	case GCS:
		return variable, strings.TrimPrefix(endpoint, "http://")
	case Azure:
		return variable, strings.Replace(os.Getenv(variable), Endpoint(s), endpoint, 1)
	}
	return variable, endpoint
}

// Proxy returns a proxy before the service's emulator. It skips the test on a real service, whose requests are signed for its
// own name, not for a proxy's.
func Proxy(t testing.TB, s Service) *wire.Proxy {
	t.Helper()
	Need(t, s)
	upstream := Endpoint(s)
	if upstream == "" {
		t.Skipf("emulator: a real %s cannot be reached through a proxy: its requests are signed for its own name", s)
	}
	if s != GCS {
		return wire.NewProxy(t, upstream)
	}
	_, host, _ := strings.Cut(upstream, "://")
	return wire.NewProxy(t, upstream, wire.WithHost(host)) // by which the emulator tells reads from the rest
}
