package service

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/bench/internal/peer"
	"github.com/cloudlease/leader/internal/wire"
)

// start starts a service until the test ends, and checks that nothing of it is left.
func start(t *testing.T, name string) *Services {
	t.Helper()
	s, err := Start(t.Context(), name)
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Close()
		assert.NoDirExists(t, s.dir)
	})
	return s
}

// lead makes a candidate lead, and release its lease.
func lead(t *testing.T, key string, s *Services) {
	t.Helper()
	p, err := peer.Find(key)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var mu sync.Mutex
	var moments []peer.Moment
	require.NoError(t, p.Run(ctx, peer.Config{
		Endpoint: s.Endpoint(p.Service), Lease: "it", Node: "me", Length: 3 * time.Second,
		Tell: func(m peer.Moment) {
			mu.Lock()
			defer mu.Unlock()
			if moments = append(moments, m); m == peer.Started {
				cancel()
			}
		},
	}))
	mu.Lock()
	defer mu.Unlock()
	// It leads only once it has the lease, and releases the lease only once the work has ended.
	began := slices.Index(moments, peer.Started)
	require.GreaterOrEqual(t, began, 0, "it never led: %v", moments)
	assert.Contains(t, moments[:began], peer.Renewed)
	own := slices.DeleteFunc(slices.Clone(moments), func(m peer.Moment) bool {
		return m == peer.Renewing || m == peer.Renewed || m == peer.Failed
	})
	assert.Equal(t, []peer.Moment{peer.Started, peer.Stopped, peer.Released}, own)
}

// counted waits for the counts, which may come a moment after the answer.
func counted(t *testing.T, s *Services, name string, want map[string]int) Counts {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("there are %+v", s.Counts(name))
		}
	}()
	require.Eventually(t, func() bool {
		got := s.Counts(name).ByName
		for key, n := range want {
			if got[key] != n {
				return false
			}
		}
		return true
	}, 5*time.Second, 10*time.Millisecond, "want %v", want)
	return s.Counts(name)
}

func TestKubernetes(t *testing.T) {
	t.Parallel()
	s := start(t, "kubernetes")
	lead(t, "client-go", s)
	c := s.Counts("kubernetes")
	assert.Equal(t, 1, c.ByName["create"])
	assert.Equal(t, c.Reads, c.ByName["get"])
	assert.Equal(t, c.Writes, c.ByName["create"]+c.ByName["update"])
}

func TestEtcd(t *testing.T) {
	t.Parallel()
	s := start(t, "etcd")
	lead(t, "etcd", s)
	c := counted(t, s, "etcd", map[string]int{"LeaseGrant": 1, "LeaseKeepAlive": 1, "LeaseRevoke": 1})
	assert.NotEmpty(t, s.Version("etcd"))
	assert.Positive(t, c.Writes)
}

func TestRedis(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("there is no redis-server: apt-get install redis-server") // make bench says what it leaves out
	}
	s := start(t, "redis")
	lead(t, "redsync", s)
	c := counted(t, s, "redis", map[string]int{"set": 1, "evalsha": 1, "eval": 1}) // the script is not known yet
	assert.Equal(t, 3, c.Writes, "what a script does is not counted again: %v", c)
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	if _, err := postgresProgram("initdb"); err != nil {
		t.Skip(err)
	}
	s := start(t, "postgres")
	lead(t, "postgres", s)
	c := counted(t, s, "postgres", map[string]int{"pg_advisory_lock": 1, "pg_advisory_unlock": 1})
	assert.Equal(t, 2, c.Writes, "%v", c)
}

func TestFile(t *testing.T) {
	t.Parallel()
	s := start(t, "file")
	lead(t, "leader-file", s)
	assert.Zero(t, s.Counts("file").Reads)
	assert.DirExists(t, s.Endpoint("file"))
	assert.Empty(t, s.Endpoint("redis"), "what was not started is nowhere")
}

// client has connections of these tests alone: the end of another test's server closes those of http.DefaultTransport.
var client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}

// Two clients that have read the same lease cannot both update it.
func TestKubernetesConflict(t *testing.T) {
	t.Parallel()
	at := start(t, "kubernetes").Endpoint("kubernetes") + leasesPath + "default/leases"
	send := func(method, url, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		require.NoError(t, err)
		resp, err := client.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(answer)
	}
	code, _ := send("GET", at+"/x", "")
	assert.Equal(t, http.StatusNotFound, code)
	code, _ = send("POST", at, `{"metadata":{"name":"x"}}`)
	assert.Equal(t, http.StatusCreated, code)
	code, said := send("POST", at, `{"metadata":{"name":"x"}}`)
	assert.Equal(t, http.StatusConflict, code)
	assert.Contains(t, said, "AlreadyExists")
	code, _ = send("PUT", at+"/x", `{"metadata":{"name":"x","resourceVersion":"1"},"spec":{"holderIdentity":"a"}}`)
	assert.Equal(t, http.StatusOK, code)
	code, said = send("PUT", at+"/x", `{"metadata":{"name":"x","resourceVersion":"1"},"spec":{"holderIdentity":"b"}}`)
	assert.Equal(t, http.StatusConflict, code)
	assert.Contains(t, said, `"Conflict"`)
	_, said = send("GET", at+"/x", "")
	assert.Contains(t, said, `"holderIdentity":"a"`)
	code, _ = send("GET", strings.Replace(at, "leases", "pods", 1), "")
	assert.Equal(t, http.StatusNotFound, code)
}

func TestProxy(t *testing.T) {
	t.Parallel()
	type seen struct{ host, path, query, body, forwarded string }
	arrived := make(chan seen, 2)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- seen{r.Host, r.URL.EscapedPath(), r.URL.RawQuery, string(body), r.Header.Get("X-Forwarded-For")}
		w.WriteHeader(http.StatusTeapot)
	}))
	defer upstream.Close()
	to, err := url.Parse(upstream.URL)
	require.NoError(t, err)
	for _, host := range []string{"", "other"} {
		p := &part{}
		defer func() {
			for _, stop := range p.stops {
				stop()
			}
		}()
		at, err := p.serve(pass(to, host), kubernetesRequest)
		require.NoError(t, err)
		resp, err := client.Post(at+"/a%2Fb?c=d", "text/plain", strings.NewReader("hi"))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusTeapot, resp.StatusCode)
		want := strings.TrimPrefix(at, "http://") // signatures cover it
		if host != "" {
			want = host
		}
		assert.Equal(t, seen{want, "/a%2Fb", "c=d", "hi", ""}, <-arrived)
		assert.Equal(t, Counts{Writes: 1, ByName: map[string]int{"create": 1}}, p.counts())
	}
}

func TestWhatCannotStart(t *testing.T) {
	_, err := Start(t.Context(), "zookeeper")
	assert.ErrorContains(t, err, `service "zookeeper" is unknown: there are [azure dynamodb`)
	for _, v := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "STORAGE_EMULATOR_HOST"} {
		t.Setenv(v, "")
	}
	t.Setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=mine;AccountKey=secret;")
	for name, want := range map[string]string{
		"s3":    "AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL is not set",
		"gcs":   "go run ./localstack run -- ",
		"azure": "is not that of Azurite",
	} {
		_, err := Start(t.Context(), name)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "secret")
	}
}

// Without the server of one peer, the others are measured, and it is named.
func TestForLeavesOutWhatIsNotHere(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("AWS_ENDPOINT_URL", "")
	t.Setenv("AWS_ENDPOINT_URL_S3", "")
	var peers []peer.Peer
	for _, key := range []string{"redsync", "leader-s3", "leader-file"} {
		p, err := peer.Find(key)
		require.NoError(t, err)
		peers = append(peers, p)
	}
	s, there, missing, err := For(t.Context(), peers)
	require.NoError(t, err)
	defer s.Close()
	require.Len(t, there, 1)
	assert.Equal(t, "leader-file", there[0].Key)
	assert.DirExists(t, s.Endpoint("file"))
	assert.Empty(t, s.Endpoint("redis"))
	require.Len(t, missing, 2)
	assert.Contains(t, missing[0], peers[0].Name)
	assert.Contains(t, missing[0], "there is no redis-server: install it")
	assert.Contains(t, missing[1], peers[1].Name)
	assert.Contains(t, missing[1], "go run ./localstack run -- ")

	_, _, _, err = For(t.Context(), peers[:2])
	assert.ErrorContains(t, err, "there is no redis-server", "nothing is left to measure")
	assert.ErrorContains(t, err, "AWS_ENDPOINT_URL_S3")
}

func TestTally(t *testing.T) {
	t.Parallel()
	var c tally
	assert.Equal(t, Counts{ByName: map[string]int{}}, c.counts())
	c.note(wire.Read, "get")
	c.note(wire.Read, "get")
	c.note(wire.Write, "put")
	c.note(wire.Other, "?")
	got := c.counts()
	assert.Equal(t, Counts{Reads: 2, Writes: 1, Others: 1, ByName: map[string]int{"get": 2, "put": 1, "?": 1}}, got)
	got.ByName["get"] = 7
	assert.Equal(t, 2, c.counts().ByName["get"], "it is a copy")
	c.reset()
	assert.Zero(t, c.counts().Reads)
}

// Requests of Start itself, for example to make a bucket, are not counted.
func TestStartIsNotCounted(t *testing.T) {
	made := 0
	emulator := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { made++ }))
	defer emulator.Close()
	for key, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": emulator.URL, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1",
	} {
		t.Setenv(key, value)
	}
	s := start(t, "s3")
	assert.Equal(t, 1, made)
	assert.Equal(t, Counts{ByName: map[string]int{}}, s.Counts("s3"))
	resp, err := client.Get(s.Endpoint("s3") + "/bucket/key")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, map[string]int{"GetObject": 1}, s.Counts("s3").ByName)
}

// client-go's lease is not released while the work still runs.
func TestClientGoWaitsForTheWork(t *testing.T) {
	t.Parallel()
	s := start(t, "kubernetes")
	p, err := peer.Find("client-go")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	released := make(chan struct{})
	require.NoError(t, p.Run(ctx, peer.Config{
		Endpoint: s.Endpoint("kubernetes"), Lease: "it", Node: "me", Length: 3 * time.Second,
		Tell: func(m peer.Moment) {
			switch m {
			case peer.Started:
				cancel()
			case peer.Stopped: // the work itself reports this, so it has not ended yet
				select {
				case <-released:
					t.Error("the lease was released before the work had ended")
				case <-time.After(300 * time.Millisecond):
				}
			case peer.Released:
				close(released)
			}
		},
	}))
	select {
	case <-released:
	default:
		t.Error("the lease was not released")
	}
}
