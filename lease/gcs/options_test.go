package gcs

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"

	"github.com/cloudlease/leader/internal/serverclock"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// By default only the Date of Google's own host over HTTPS counts: something in front of it may write another
// Date. The transport is a fake: no test reaches Google's host.
func TestWhoseDateCounts(t *testing.T) {
	t.Parallel()
	const long = time.Hour - serverclock.Grain - serverclock.Skew
	now := time.Date(2025, 3, 1, 23, 59, 58, 0, time.UTC)
	header := http.Header{
		"Date": {now.Format(http.TimeFormat)}, "Last-Modified": {now.Add(-time.Hour).Format(http.TimeFormat)}, "X-Goog-Generation": {"7"},
	}
	for endpoint, googles := range map[string]bool{
		"":                               true,
		"https://storage.googleapis.com": true,
		"https://storage.europe-west3.rep.googleapis.com": true, // https://cloud.google.com/storage/docs/regional-endpoints
		"https://storage-psc.p.googleapis.com":            true, // https://cloud.google.com/vpc/docs/about-accessing-google-apis-endpoints
		"http://storage.googleapis.com":                   false,
		"https://storage.googleapis.com.example.com":      false,
		"https://gateway.example.com":                     false,
		"https://googleapis.com.example":                  false,
		"https://evilgoogleapis.com":                      false,
		"http://127.0.0.1:1":                              false,
	} {
		opts := []option.ClientOption{
			option.WithHTTPClient(&http.Client{Transport: &told{header: header, content: []byte(aRecord)}}), option.WithoutAuthentication(),
		}
		if endpoint != "" {
			opts = append(opts, option.WithEndpoint(endpoint+"/storage/v1/"))
		}
		client := connect(t, opts...)
		for want, opts := range map[time.Duration][]Option{0: {WithoutAge()}, long: {WithAge()}} {
			assert.Equal(t, want, load(t, NewStore(client, "b", opts...), "a").Age, endpoint)
		}
		if endpoint == "" {
			continue // the tests' environment may name an emulator
		}
		age := load(t, NewStore(client, "b"), "a").Age
		assert.Equal(t, googles, age == long, "%s: %v", endpoint, age)
		assert.True(t, age == 0 || age == long)
	}
}

// The same of a URL, with the emulator in the place of a gateway.
func TestAgeOfURLs(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	held, err := New(connect(t), bucket).Acquire(t.Context(), lease.Request{Name: "a", Holder: "h", Length: time.Minute})
	require.NoError(t, err)
	for query, timed := range map[string]bool{"": false, "?age=true": true, "?age=false": false, "?age=1": true} {
		m, err := lease.Open(t.Context(), "gs://"+bucket+query)
		require.NoError(t, err)
		info, err := lease.Inspect(t.Context(), m, held.Name)
		require.NoError(t, err)
		assert.Equal(t, timed, info.Timed || info.Age > 0, query)
		require.NoError(t, lease.Close(m))
	}
}

// Every request names the project that is billed.
func TestUserProject(t *testing.T) {
	t.Parallel()
	var wants, unnamed atomic.Int64
	billed := func(w http.ResponseWriter, r *http.Request) bool {
		wants.Add(1)
		if r.Header.Get("X-Goog-User-Project") == "who-pays" || r.URL.Query().Get("userProject") == "who-pays" {
			return true
		}
		unnamed.Add(1)
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, asJSON(400, "required", "Bucket is a requester pays bucket but no user project provided."))
		return false
	}
	_, clients := newService(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !billed(w, r):
		case r.Method == http.MethodPost:
			object, content, _ := contentOf(r)
			_, _ = io.WriteString(w, written("b", object, content, 8))
		case strings.HasSuffix(r.URL.Path, "/o"):
			_, _ = io.WriteString(w, "{}")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	for name, client := range clients {
		for what, call := range NewStore(client, "b", WithUserProject("who-pays")).calls() {
			_ = call(t.Context())
			assert.Zero(t, unnamed.Load(), "%s: %s", name, what)
		}
		for what, call := range NewStore(client, "b").calls() {
			err := call(t.Context())
			require.ErrorIs(t, err, lease.ErrMisconfigured, "%s: %s", name, what)
			assert.ErrorContains(t, err, "gcs.WithUserProject")
		}
		unnamed.Store(0)
	}
	assert.GreaterOrEqual(t, wants.Load(), int64(2*2*4+2), "the second looks of storage.NewClient's client among them")
	for _, bad := range []string{"Who pays", "a\r\nb: c", "-a", "é"} {
		wantMisconfigured(t, NewStore(clients["NewClient"], "b", WithUserProject(bad)), "gcs.WithUserProject")
	}
	wantMisconfigured(t, NewStore(clients["NewClient"], "b"), "?user_project=")
}

func TestUserProjectOfURLs(t *testing.T) {
	var named atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		named.Store(r.Header.Get("X-Goog-User-Project"))
		found(w, r)
	}))
	t.Cleanup(server.Close)
	t.Setenv("STORAGE_EMULATOR_HOST", server.URL)
	m, err := lease.Open(t.Context(), "gs://b?user_project=example.com:who-pays&age=true")
	require.NoError(t, err)
	_, _ = lease.Inspect(t.Context(), m, "a")
	assert.Equal(t, "example.com:who-pays", named.Load())
	require.NoError(t, lease.Close(m))
}

// A store's name is the URL that Open takes.
func TestNamesOfStores(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{
		"": "gs://b", "x/": "gs://b/x", "x/y z/": "gs://b/x/y%20z", "x#?%/": "gs://b/x%23%3F%25", "é/": "gs://b/%C3%A9",
		"prod-": "gs://b?prefix=prod-", "/": "gs://b?prefix=/", "x//": "gs://b?prefix=x//", "/x/": "gs://b?prefix=/x/",
		"me@here/": "gs://b/me%40here", "a:b@c/": "gs://b?prefix=a:b%40c/",
	} {
		name := NewStore(nil, "b", WithPrefix(prefix)).String()
		assert.Equal(t, want, name)
		u, err := url.Parse(name)
		require.NoError(t, err)
		bucket, folder, err := place(u)
		require.NoError(t, err)
		opts, err := options(u, folder)
		require.NoError(t, err)
		assert.Equal(t, prefix, NewStore(nil, bucket, opts...).prefix)
	}
}

// What is in a URL may be a secret: neither a part of it nor what the emulator's has is in an error.
func TestErrorsHideSecrets(t *testing.T) {
	for _, raw := range []string{
		"gs://me:SECRET@b", "gs://b?signature=SECRET", "gs://b?age=SECRET", "gs://b?user_project=SECRET!", "gs:SECRET", "gs://b#SECRET",
		"gs://storage.googleapis.com/b/o?X-Goog-Signature=SECRET",
	} {
		_, err := lease.Open(t.Context(), raw)
		require.ErrorIs(t, err, lease.ErrMisconfigured, raw)
		assert.NotContains(t, err.Error(), "SECRET")
	}
	t.Setenv("STORAGE_EMULATOR_HOST", "http://me:SECRET@127.0.0.1:1")
	m, err := lease.Open(t.Context(), "gs://b")
	require.NoError(t, err)
	_, err = lease.Inspect(t.Context(), m, "a")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "SECRET")
	assert.NotContains(t, err.Error(), "me:")
	require.NoError(t, lease.Close(m))

	for what, opts := range map[string][]option.ClientOption{
		"the emulator's URL": {option.WithEndpoint("http://me:SECRET@127.0.0.1:1/storage/v1/"), option.WithoutAuthentication()},
		"a key":              {option.WithAPIKey("SECRET"), option.WithEndpoint("http://127.0.0.1:1/storage/v1/")},
	} {
		t.Setenv("STORAGE_EMULATOR_HOST", "")
		for call, do := range NewStore(connect(t, opts...), "b").calls() {
			err := do(t.Context())
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "SECRET", "%s: %s", what, call)
			assert.NotContains(t, err.Error(), "me:", "%s: %s", what, call)
		}
	}

	t.Setenv("STORAGE_EMULATOR_HOST", "http://me:SECRET@127.0.0.1:x")
	_, err = lease.Open(t.Context(), "gs://b")
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	assert.ErrorContains(t, err, "STORAGE_EMULATOR_HOST")
	assert.NotContains(t, err.Error(), "SECRET")
}

// The client reads a key that was replaced while the program runs once the old one is refused, by the token service or by the
// store's service.
func TestCredentialsAreReadAnew(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	old, fresh := newTokens(t), newTokens(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", old.file)
	var refuses atomic.Bool
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuses.Swap(false) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, asXML("AuthenticationRequired", "Authentication required."))
			return
		}
		found(w, r)
	}))
	t.Cleanup(service.Close)
	client := connect(t, option.WithEndpoint(service.URL+"/storage/v1/"))
	s := NewStore(client, "b")
	load(t, s, "a")
	fresh.replace(t, old)
	load(t, s, "a")
	require.EqualValues(t, 0, fresh.given.Load(), "the token is good for an hour")

	refuses.Store(true)
	require.ErrorIs(t, s.calls()["read"](t.Context()), lease.ErrMisconfigured)
	load(t, s, "a")
	require.EqualValues(t, 1, fresh.given.Load())

	fresh.refuses.Store(true) // and now this one is, while there is no other
	refuses.Store(true)
	require.Error(t, s.calls()["read"](t.Context()))
	require.ErrorIs(t, s.calls()["read"](t.Context()), lease.ErrMisconfigured)
	newTokens(t).replace(t, old)
	load(t, s, "a")
	require.EqualValues(t, 1, fresh.given.Load(), "the third gave it")
}

// A caller's own HTTP client has the caller's credentials.
func TestTheCallersCredentialsStay(t *testing.T) {
	t.Parallel()
	proxy := wire.NewProxy(t, "http://127.0.0.1:1")
	proxy.OnEvery(wire.Reply(401, nil, asXML("AuthenticationRequired", "Authentication required.")))
	counter := new(wire.Counter)
	client := connect(t, option.WithHTTPClient(counter.Client()), option.WithEndpoint(proxy.URL()+"/storage/v1/"))
	for range 2 {
		require.ErrorIs(t, NewStore(client, "b").calls()["read"](t.Context()), lease.ErrMisconfigured)
	}
	assert.Len(t, counter.Requests(), 2)
}
