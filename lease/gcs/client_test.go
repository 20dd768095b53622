package gcs

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"

	"github.com/cloudlease/leader/internal/serverclock"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// Age at its grain, by canned answers: the emulator's clock cannot be set.
func TestAgeOfAnAnswer(t *testing.T) {
	t.Parallel()
	proxy, client := newCanned(t)
	written := time.Date(2025, 3, 1, 23, 59, 58, 0, time.UTC)
	at := func(after time.Duration) []string { return []string{written.Add(after).Format(http.TimeFormat)} }
	for what, c := range map[string]struct {
		date, modified []string
		want           time.Duration
	}{
		"at once":            {at(0), at(0), 1},
		"grain and skew":     {at(3 * time.Second), at(0), 1},
		"skewed":             {at(0), at(3 * time.Second), 1},
		"beyond all skew":    {at(0), at(4 * time.Second), 0},
		"a second more":      {at(4 * time.Second), at(0), time.Second},
		"long ago":           {at(48 * time.Hour), at(0), 48*time.Hour - 3*time.Second},
		"from the future":    {at(0), at(time.Hour), 0},
		"no Last-Modified":   {at(time.Hour), nil, 0},
		"Date is no date":    {[]string{"soon"}, at(0), 0},
		"two Dates":          {append(at(time.Hour), at(0)...), at(0), 0},
		"Date is empty":      {[]string{""}, at(0), 0},
		"Date of RFC 850":    {[]string{"Sunday, 02-Mar-25 00:00:58 GMT"}, at(0), 57 * time.Second},
		"Date is before all": {[]string{"Thu, 01 Jan 1970 00:00:00 GMT"}, at(0), 0},
	} {
		header := http.Header{"Date": c.date, "X-Goog-Generation": {"7"}}
		if c.modified != nil {
			header["Last-Modified"] = c.modified
		}
		proxy.OnRequest(1, wire.Reply(200, header, "x"))
		got := load(t, NewStore(client, "b", WithAge()), "a")
		assert.Equal(t, c.want, got.Age, what)
		assert.Equal(t, lease.Version("7"), got.Version)
	}
}

// Age on the emulator: it begins anew with each write, is told by its grain, and is never more than the truth.
func TestAge(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	s := NewStore(connect(t), bucket, WithAge())
	plain := NewStore(sdk(t), bucket, WithAge())
	var version lease.Version
	for range 2 {
		sent := time.Now()
		version = swap(t, s, "a", version, "x")
		assert.Equal(t, time.Duration(1), load(t, s, "a").Age, "it can tell")
		eventually(t, "Age is told", serverclock.Grain+serverclock.Skew+2*time.Second, func() bool {
			age := load(t, s, "a").Age
			assert.LessOrEqual(t, age, time.Since(sent))
			return age >= time.Second
		})
		assert.GreaterOrEqual(t, time.Since(sent), serverclock.Grain+serverclock.Skew)
		assert.Zero(t, load(t, plain, "a").Age, "the SDK's own client does not tell")
		assert.Zero(t, load(t, NewStore(connect(t), bucket), "a").Age, "the emulator is not Google's")
	}
}

// A caller's HTTP client is used, and stays as it is.
func TestNewClientLeavesTheCallersClientAlone(t *testing.T) {
	t.Parallel()
	counter := new(wire.Counter)
	given := counter.Client()
	s := NewStore(connect(t, option.WithHTTPClient(given)), newBucket(t))
	swap(t, s, "a", "", "x")
	assert.Len(t, counter.Requests(), 1)
	assert.Nil(t, given.CheckRedirect)
	assert.Same(t, counter, given.Transport)
}

// tokens is a service that gives out access tokens, or refuses to, for an account whose key is in a file.
type tokens struct {
	refuses atomic.Bool
	given   atomic.Int64
	scope   atomic.Value
	file    string
}

func newTokens(t testing.TB) *tokens {
	s := &tokens{file: filepath.Join(t.TempDir(), "key.json")}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if s.refuses.Load() {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`))
			return
		}
		s.given.Add(1)
		var claims struct{ Scope string }
		parts := strings.Split(r.FormValue("assertion"), ".") // https://datatracker.ietf.org/doc/html/rfc7523#section-2.1
		if payload, err := base64.RawURLEncoding.DecodeString(parts[min(1, len(parts)-1)]); err == nil {
			_ = json.Unmarshal(payload, &claims)
		}
		s.scope.Store(claims.Scope)
		_, _ = w.Write([]byte(`{"access_token":"secret","token_type":"Bearer","expires_in":3600}`))
	}))
	t.Cleanup(server.Close)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "leader@test.iam.gserviceaccount.com", "private_key_id": "1", "project_id": "test",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": server.URL,
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.file, account, 0o600))
	return s
}

// replace puts the account's file in the place of another's.
func (s *tokens) replace(t testing.TB, other *tokens) {
	account, err := os.ReadFile(s.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(other.file, account, 0o600))
}

// Without an emulator, the client has what application default credentials give it, whether they are good or not. The
// service's answers are canned: the emulator takes everybody's word.
func TestCredentials(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	for name, connect := range map[string]func(context.Context, ...option.ClientOption) (*storage.Client, error){
		"NewClient": NewClient, "storage.NewClient": storage.NewClient,
	} {
		t.Run(name, func(t *testing.T) {
			account := newTokens(t)
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", account.file)
			var sent atomic.Value
			service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sent.Store(r.Header.Get("Authorization"))
				w.Header().Set("X-Goog-Generation", "7")
			}))
			t.Cleanup(service.Close)
			ctx, cancel := context.WithCancel(t.Context())
			client, err := connect(ctx, option.WithEndpoint(service.URL+"/storage/v1/"))
			require.NoError(t, err)
			cancel() // it is for making the client, not for what the client does
			s := NewStore(client, "b")
			load(t, s, "a")
			assert.Equal(t, "Bearer secret", sent.Load())
			assert.EqualValues(t, 1, account.given.Load())
			assert.Equal(t, name == "NewClient", account.scope.Load() == storage.ScopeReadWrite, "%q", account.scope.Load())
			require.NoError(t, client.Close())

			account.refuses.Store(true)
			client, err = connect(t.Context(), option.WithEndpoint(service.URL+"/storage/v1/"))
			require.NoError(t, err)
			wantMisconfigured(t, NewStore(client, "b"), "invalid_grant", "gcloud auth application-default login")
			require.NoError(t, client.Close())
		})
	}
}

func TestOpenWithoutCredentials(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none.json"))
	_, err := lease.Open(t.Context(), "gs://b")
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	assert.ErrorContains(t, err, `"gs://b"`)
	assert.ErrorContains(t, err, "gcloud auth application-default login")
}

func TestOpen(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	ctx, cancel := context.WithCancel(t.Context())
	m, err := lease.Open(ctx, "gs://"+bucket+"/team%20a/leases/")
	cancel()
	require.NoError(t, err)
	_, err = m.Acquire(t.Context(), lease.Request{Name: "orders", Holder: "me", Length: time.Minute})
	require.NoError(t, err)
	assert.Equal(t, time.Second, lease.LimitsOf(m).WriteEvery)
	data, _ := get(t, sdk(t).Bucket(bucket).Object("team a/leases/orders"))
	assert.Contains(t, data, `"holder":"me"`)
	assert.Equal(t, "gs://"+bucket+"/team%20a/leases", m.(interface{ String() string }).String())
	require.NoError(t, lease.Close(m))
}

// found answers a read with an empty cell. (The client gives a connection up over which it is told that there is none.)
func found(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Goog-Generation", "7") }

// The client that Open made is closed, and its connections with it. One that was passed in is left alone.
func TestClose(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(found))
	connections := wire.CountConnections(server)
	server.Start()
	t.Cleanup(server.Close)
	t.Setenv("STORAGE_EMULATOR_HOST", server.URL)
	inspect := func(m lease.Manager) {
		t.Helper()
		_, err := lease.Inspect(t.Context(), m, "a")
		require.ErrorIs(t, err, lease.ErrRecord)
	}

	m, err := lease.Open(t.Context(), "gs://b")
	require.NoError(t, err)
	inspect(m)
	assert.Equal(t, 1, connections.Open())
	require.NoError(t, lease.Close(m))
	eventually(t, "the connection of Open's client is closed", 0, func() bool { return connections.Open() == 0 })

	m = New(connect(t), "b")
	inspect(m)
	require.NoError(t, lease.Close(m))
	inspect(m)
	assert.Equal(t, 2, connections.Opened(), "the second client's one connection was kept")
}

// A caller's own HTTP client is closed by the client's Close, too.
func TestCloseOfTheCallersClient(t *testing.T) {
	t.Parallel()
	transport := new(closer)
	client, err := NewClient(t.Context(), option.WithHTTPClient(&http.Client{Transport: transport}), option.WithoutAuthentication())
	require.NoError(t, err)
	require.NoError(t, client.Close())
	assert.True(t, transport.closed)
}

type closer struct {
	wire.Counter
	closed bool
}

func (c *closer) CloseIdleConnections() { c.closed = true }

// freezer passes connections on, until all that there are so far go silent, as when a machine on the way is gone.
type freezer struct {
	net.Listener
	server string
	made   atomic.Int64
	frozen atomic.Int64
}

func (f *freezer) serve() {
	for {
		in, err := f.Accept()
		if err != nil {
			return
		}
		n := f.made.Add(1)
		out, err := net.Dial("tcp", f.server)
		if err != nil {
			_ = in.Close()
			continue
		}
		for to, from := range map[net.Conn]net.Conn{in: out, out: in} {
			go func() {
				defer to.Close()
				buffer := make([]byte, 32<<10)
				for {
					k, err := from.Read(buffer)
					if err != nil {
						return
					}
					if n > f.frozen.Load() {
						_, _ = to.Write(buffer[:k])
					}
				}
			}()
		}
	}
}

// A connection that dies silently costs one request, and not the lease. The emulator speaks no TLS, and so no HTTP/2.
func TestDeadConnection(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	server := httptest.NewUnstartedServer(http.HandlerFunc(found))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	f := &freezer{Listener: listener, server: server.Listener.Addr().String()}
	go f.serve()

	standard := http.DefaultTransport.(*http.Transport)
	before := standard.TLSClientConfig
	standard.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	client := connect(t, option.WithEndpoint("https://"+listener.Addr().String()+"/storage/v1/"), option.WithoutAuthentication())
	standard.TLSClientConfig = before

	s := NewStore(client, "b")
	load(t, s, "a")
	f.frozen.Store(f.made.Load())
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = s.Load(ctx, "a")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = s.Load(ctx, "a")
	require.NoError(t, err)
}

func TestURLs(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string][2]string{
		"gs://b":              {"b", ""},
		"gs://b/":             {"b", ""},
		"gs://b.example.com":  {"b.example.com", ""},
		"gs://my_b/x":         {"my_b", "x/"},
		"gs://b/x/":           {"b", "x/"},
		"gs://b/x/y%20z":      {"b", "x/y z/"},
		"gs://b/x%23?":        {"b", "x#/"},
		"gs://b//x//y%2Fz///": {"b", "x//y/z/"},
	} {
		u, err := url.Parse(raw)
		require.NoError(t, err)
		bucket, prefix, err := place(u)
		require.NoError(t, err)
		assert.Equal(t, want, [2]string{bucket, prefix}, raw)
	}
	for raw, says := range map[string]string{
		"gs:":                            "no bucket",
		"gs:b":                           "no bucket",
		"gs:///x":                        "no bucket",
		"gs://b:80/x":                    "no port",
		"gs://me:secret@b":               "no user",
		"gs://b/x#y":                     "%23",
		"gs://b?region=x":                `"region"`,
		"gs://b/x?prefix=x/y":            "both a folder and a prefix",
		"gs://b?x=1":                     "knows: age, prefix, user_project",
		"gs://b?age=yes":                 "age is true or false",
		"gs://b?age=1&age=0":             "2 times",
		"gs://b?user_project=Who+pays":   "user_project is the ID",
		"gs://storage.googleapis.com/b":  "gs://bucket/folder",
		"gs://b.storage.googleapis.com/": "gs://bucket/folder",
	} {
		_, err := lease.Open(t.Context(), raw)
		require.ErrorIs(t, err, lease.ErrMisconfigured, raw)
		assert.ErrorContains(t, err, says)
		assert.NotContains(t, err.Error(), "secret")
	}
}
