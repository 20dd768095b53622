package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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
	const limit, says = 500 * time.Millisecond, "the store has not answered within 500ms" // to open a store takes a while, too
	var things []func()
	for _, store := range []string{"dynamodb://leases", "s3://leases", "gs://leases", "azblob:///leases"} {
		things = append(things, func() {
			a := &app{out: io.Discard, err: io.Discard, store: store, timeout: limit}
			assert.ErrorContains(t, a.init(t.Context(), "", limit), says)
		})
		for _, args := range [][]string{
			{"status"}, {"list"}, {"list", "--json"}, {"watch"}, {"break", "orders", "--yes"}, {"handover", "orders", "--to", "b", "--yes"}, {"doctor"}, {"checkpoint", "show", "orders"}, {"checkpoint", "list"},
			{"checkpoint", "set", "orders", "1", "--lease", "orders", "--yes"}, {"value", "show", "orders"}, {"value", "clear", "orders", "--yes"},
			{"fleet", "status"}, {"fleet", "watch"}, {"fleet", "reset", "orders", "--yes"},
		} {
			things = append(things, func() {
				var out bytes.Buffer
				a := &app{in: strings.NewReader(""), out: &out, err: &out}
				cmd := a.command()
				cmd.SetArgs(append(args, "--store", store, "--timeout", limit.String()))
				assert.Equal(t, exitFailed, a.exit(cmd.ExecuteContext(t.Context())))
				assert.Contains(t, out.String(), says, "%s %s", args, store)
			})
		}
	}
	together(things)
}
