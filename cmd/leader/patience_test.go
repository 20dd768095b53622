package main

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// No command waits for ever for a store that takes connections and answers nothing.
func TestNoCommandHangs(t *testing.T) {
	nothingAround(t)
	released := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-released:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(released) })
	for _, variable := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_DYNAMODB"} {
		t.Setenv(variable, silent.URL)
	}
	address := silent.Listener.Addr().(*net.TCPAddr).String()
	t.Setenv("STORAGE_EMULATOR_HOST", address)
	t.Setenv(azureVariable, "DefaultEndpointsProtocol=http;AccountName=account1;AccountKey=c2VjcmV0;BlobEndpoint="+silent.URL+"/account1")
	t.Setenv("GOOGLE_CLOUD_PROJECT", "test")
	const limit = 100 * time.Millisecond
	for _, store := range []string{"dynamodb://leases", "s3://leases", "gs://leases", "azblob:///leases"} {
		var out bytes.Buffer
		a := &app{out: &out, err: &out, store: store, timeout: limit}
		require.ErrorContains(t, a.init(t.Context(), "", limit), "the store has not answered within 100ms")
		for _, args := range [][]string{{"status"}, {"list"}, {"list", "--json"}, {"watch"}, {"break", "orders", "--yes"}, {"doctor"}} {
			var out bytes.Buffer
			a := &app{in: strings.NewReader(""), out: &out, err: &out}
			cmd := a.command()
			cmd.SetArgs(append(args, "--store", store, "--timeout", "100ms"))
			require.Equal(t, exitFailed, a.exit(cmd.ExecuteContext(t.Context())))
			require.Contains(t, out.String(), "the store has not answered within 100ms", "%s %s", args, store)
		}
	}
}
