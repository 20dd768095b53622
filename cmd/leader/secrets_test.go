package main

import (
	"bytes"
	"context"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/internal/storeurl/urltest"
	"github.com/cloudlease/leader/lease"
)

const azureVariable = "AZURE_STORAGE_CONNECTION_STRING"

// nothingAround has no SDK find anything that is this machine's, or reach anybody.
func nothingAround(t *testing.T) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(config, nil, 0o600))
	const nobody = "http://127.0.0.1:1"
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": config, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "", "AWS_REGION": "eu-west-1", "AWS_PROFILE": "",
		"AWS_ENDPOINT_URL": nobody, "AWS_ENDPOINT_URL_S3": nobody, "AWS_ENDPOINT_URL_DYNAMODB": nobody, "AWS_ENDPOINT_URL_STS": nobody,
		"STORAGE_EMULATOR_HOST": "127.0.0.1:1", "HTTPS_PROXY": nobody,
		azureVariable: "DefaultEndpointsProtocol=http;AccountName=account1;AccountKey=c2VjcmV0;BlobEndpoint=" + nobody + "/account1",
	} {
		t.Setenv(name, value)
	}
}

// said is all that a command writes, run in this process, for a moment.
func said(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	defer signal.Reset() // what leader run does is for its process
	var out bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &out}
	cmd := a.command()
	cmd.SetArgs(args)
	a.exit(cmd.ExecuteContext(ctx))
	return out.String()
}

// opens tells whether there is a store at the URL, as far as its text goes.
func opens(t *testing.T, url string) bool {
	t.Helper()
	m, err := lease.Open(t.Context(), url)
	if err == nil {
		require.NoError(t, lease.Close(m))
	}
	return err == nil
}

// Whatever secret is in a store URL, no command shows it: neither where the URL is refused, nor where it is taken and the
// store cannot be reached. All commands open stores in one place, so each URL is for one of them, and each command has many.
func TestCommandsShowNoSecret(t *testing.T) {
	nothingAround(t)
	commands := [][]string{
		{"doctor", "--samples", "1"}, {"doctor", "--json"}, {"status"}, {"status", "--json"}, {"list"}, {"list", "--json"},
		{"watch", "--json"}, {"watch"}, {"break", "orders", "--yes"}, {"handover", "orders", "--to", "b", "--yes"}, {"init"},
		{"checkpoint", "show", "orders"}, {"checkpoint", "set", "orders", "1", "--lease", "orders", "--yes"}, {"value", "show", "orders"}, {"value", "clear", "orders"},
		{"fleet", "status"}, {"fleet", "status", "--json"}, {"fleet", "watch"}, {"fleet", "reset", "orders", "--yes"}, {"fleet", "run", "--shards", "2", "--", commandtest.Binary(), "version"},
		{"run", "--once", "--", commandtest.Binary(), "version"}, {"run", "--", commandtest.Binary(), "version"},
	}
	urls := urltest.Pasted
	for _, scheme := range slices.Sorted(maps.Keys(urltest.Places)) {
		urls = append(urls, urltest.URLs(scheme, nil)...)
	}
	var flagged []func()
	for i, url := range urls {
		if strings.HasPrefix(url, "file:") && opens(t, url) {
			continue // it names a directory
		}
		args := commands[i%len(commands)]
		show := func(given ...string) {
			text := said(t, append(given, args...)...)
			assert.False(t, urltest.Shows(text), "%q %s: %s", args, url, text)
		}
		if i/len(commands)%2 == 0 {
			flagged = append(flagged, func() { show("--store", url) })
			continue
		}
		t.Setenv("LEADER_STORE", url)
		show()
	}
	require.NoError(t, os.Unsetenv("LEADER_STORE"))
	together(flagged)
}

// together does things that wait, a few at a time.
func together(things []func()) {
	var all sync.WaitGroup
	free := make(chan struct{}, 4)
	for _, do := range things {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			do()
		})
	}
	all.Wait()
}

// The values of keys that a store knows are taken, or refused, and not shown either.
func TestCommandsShowNoValues(t *testing.T) {
	nothingAround(t)
	for scheme, place := range urltest.Places {
		known := regexp.MustCompile(`knows: (.*)\n$`).FindStringSubmatch(said(t, "status", "--store", place+"?nosuchkey=1"))
		if known == nil {
			continue
		}
		var things []func()
		for i, url := range urltest.URLs(scheme, strings.Split(known[1], ", ")) {
			args := [][]string{{"status"}, {"doctor", "--json"}, {"run", "--once", "--", commandtest.Binary(), "version"}}[i%3]
			things = append(things, func() {
				text := said(t, append([]string{args[0], "--store", url}, args[1:]...)...)
				assert.False(t, urltest.Shows(text), "%q %s: %s", args, url, text)
			})
		}
		together(things)
	}
}
