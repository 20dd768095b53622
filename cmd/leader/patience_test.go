package main

import (
	"bytes"
	"context"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
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
	was := patienceToMake
	patienceToMake = 100 * time.Millisecond
	t.Cleanup(func() { patienceToMake = was })
	for _, store := range []string{"dynamodb://leases", "s3://leases", "gs://leases", "azblob:///leases"} {
		for _, args := range [][]string{{"status"}, {"list"}, {"list", "--json"}, {"watch"}, {"break", "orders", "--yes"}, {"init"}, {"doctor"}} {
			var out bytes.Buffer
			a := &app{in: strings.NewReader(""), out: &out, err: &out}
			cmd := a.command()
			cmd.SetArgs(append(args, "--store", store, "--timeout", "100ms"))
			require.Equal(t, exitFailed, a.exit(cmd.ExecuteContext(t.Context())))
			require.Contains(t, out.String(), "the store has not answered within 100ms", "%s %s", args, store)
		}
	}
}

// deaf is a manager that does not mind the end of a context, as a read of a dead file server does not.
type deaf struct {
	lease.Manager
	until <-chan struct{}
	first []lease.Info
}

func (d deaf) Inspect(context.Context, string) (lease.Info, error) {
	<-d.until
	return lease.Info{}, nil
}

func (d deaf) List(context.Context, string) iter.Seq2[lease.Info, error] {
	return func(yield func(lease.Info, error) bool) {
		for _, info := range d.first {
			if !yield(info, nil) {
				return
			}
		}
		<-d.until
	}
}

// What does not end by itself is left behind.
func TestPatienceWithTheDeaf(t *testing.T) {
	t.Parallel()
	d := deaf{until: t.Context().Done(), first: []lease.Info{{Name: "a"}, {Name: "b"}}}
	a := &app{timeout: 10 * time.Millisecond}
	_, err := a.inspect(t.Context(), d, "a")
	require.ErrorContains(t, err, "the store has not answered within 10ms")
	var names []string
	for info, failed := range list(t.Context(), a.limit(), d, "") {
		if err = failed; err == nil {
			names = append(names, info.Name)
		}
	}
	require.Equal(t, []string{"a", "b"}, names)
	require.ErrorContains(t, err, "the store has not answered within 10ms")
}
