package gcs

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"

	"github.com/cloudlease/leader/internal/foreign"
	"github.com/cloudlease/leader/lease"
)

// makers are the ways to a client; the second tells nothing of an answer but what the SDK's own does.
var makers = map[string]func(context.Context, ...option.ClientOption) (*storage.Client, error){
	"NewClient": NewClient, "storage.NewClient": storage.NewClient,
}

// newService starts a service with this handler, and counts requests. It returns a client for each maker.
func newService(t testing.TB, handler http.HandlerFunc, opts ...option.ClientOption) (sent *atomic.Int64, clients map[string]*storage.Client) {
	sent, clients = new(atomic.Int64), map[string]*storage.Client{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent.Add(1)
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	for name, maker := range makers {
		opts := append([]option.ClientOption{option.WithEndpoint(server.URL + "/storage/v1/"), option.WithoutAuthentication()}, opts...)
		client, err := maker(t.Context(), opts...)
		require.NoError(t, err)
		t.Cleanup(func() { _ = client.Close() })
		clients[name] = client
	}
	return sent, clients
}

// sum is the checksum of a content, as the service writes it.
func sum(content string) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.Checksum([]byte(content), castagnoli)))
}

// written is the service's answer to the write of a content.
func written(bucket, object, content string, generation int64) string {
	return fmt.Sprintf(`{"kind":"storage#object","bucket":%q,"name":%q,"generation":"%d","size":"%d","crc32c":%q}`,
		bucket, object, generation, len(content), sum(content))
}

// contentOf is the content in an upload, and the name of its object.
func contentOf(r *http.Request) (object, content string, err error) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "", "", err
	}
	parts := multipart.NewReader(r.Body, params["boundary"])
	if _, err := parts.NextPart(); err != nil {
		return "", "", err
	}
	part, err := parts.NextPart()
	if err != nil {
		return "", "", err
	}
	data, err := io.ReadAll(part)
	return r.URL.Query().Get("name"), string(data), err
}

// An answerOf is a false answer that something on the way gives.
type answerOf struct {
	status int
	header http.Header
	body   string
}

func (a answerOf) give(w http.ResponseWriter, _ *http.Request) {
	for key, values := range a.header {
		w.Header()[key] = values
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
	if w.Header().Get("Content-Length") != "" {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // which cuts what is shorter than it said
	}
}

const page = "<!DOCTYPE html><html><head><title>Please log in</title></head><body>Welcome</body></html>"

// whatIsNoAnswer returns answers that something on the way may give to any call. None of them may count as a success, a
// conflict, a missing record or a permanent error.
func whatIsNoAnswer() map[string]answerOf {
	generation := http.Header{"X-Goog-Generation": {"7"}}
	header := func(h http.Header, kv ...string) http.Header {
		h = h.Clone()
		if h == nil {
			h = http.Header{}
		}
		for i := 0; i < len(kv); i += 2 {
			h.Set(kv[i], kv[i+1])
		}
		return h
	}
	answers := map[string]answerOf{
		"empty":               {200, nil, ""},
		"{}":                  {200, nil, "{}"},
		"[]":                  {200, nil, "[]"},
		"null":                {200, nil, "null"},
		"page":                {200, http.Header{"Content-Type": {"text/html"}}, page},
		"cut page":            {200, http.Header{"Content-Length": {"1000"}}, page},
		"cut object":          {200, header(nil, "Content-Length", "1000"), written("b", "a", "x", 8)[:60]},
		"no content":          {204, nil, ""},
		"redirect":            {302, http.Header{"Location": {"/login"}}, page},
		"redirect permanent":  {301, http.Header{"Location": {"/login"}}, page},
		"redirect the body":   {307, http.Header{"Location": {"/login"}}, ""},
		"another bucket":      {200, nil, written("another", "a", "x", 8)},
		"another object":      {200, nil, written("b", "another", "x", 8)},
		"another content":     {200, nil, written("b", "a", "y", 8)},
		"no generation":       {200, nil, written("b", "a", "x", 0)},
		"below zero":          {200, nil, written("b", "a", "x", -8)},
		"what was there":      {200, nil, written("b", "a", "x", 7)},
		"another list":        {200, nil, `{"kind":"storage#objects","items":[` + written("another", "a", "x", 8) + "]}"},
		"another folder":      {200, nil, `{"kind":"storage#objects","items":[` + written("b", "0", "x", 8) + "]}"},
		"a list of null":      {200, nil, `{"kind":"storage#objects","items":[null]}`},
		"buckets":             {200, nil, `{"kind":"storage#buckets"}`},
		"no generation, read": {200, header(nil, "X-Goog-Generation", "0", "X-Goog-Hash", "crc32c="+sum("x")), "x"},
		"another checksum":    {200, header(generation, "X-Goog-Hash", "crc32c="+sum("y")), "x"},
		"part of it":          {206, header(generation, "Content-Range", "bytes 0-0/9"), "x"},
		"cut":                 {200, header(generation, "Content-Length", "9"), "x"},
		"another missing":     {404, nil, asXML("NoSuchKey", "No such object: another/a")},
		"another missing too": {404, nil, asJSON(404, "notFound", "No such object: another/a")},
	}
	for _, status := range []int{400, 401, 403, 404, 405, 409, 412, 429, 500, 502, 503, 511} {
		answers[fmt.Sprint(status, " page")] = answerOf{status, http.Header{"Content-Type": {"text/html"}}, page}
		answers[fmt.Sprint(status, " {}")] = answerOf{status, nil, "{}"}
		answers[fmt.Sprint(status, " of another kind")] = answerOf{status, nil, fmt.Sprintf(`{"error":{"code":%d,"message":"no"}}`, status)}
		answers[fmt.Sprint(status, " empty")] = answerOf{status, nil, ""}
	}
	return answers
}

// No call takes anything but the service's own answer for one, whatever client it has.
func TestOnlyEvidenceCounts(t *testing.T) {
	t.Parallel()
	for name := range makers {
		var now atomic.Pointer[answerOf]
		sent, clients := newService(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/login") {
				_, _ = io.WriteString(w, page)
				return
			}
			now.Load().give(w, r)
		})
		s, maker := NewStore(clients[name], "b"), NewStore(clients[name], "b", WithUserProject("project1"))
		for how, a := range whatIsNoAnswer() {
			now.Store(&a)
			for what, call := range map[string]func(context.Context) error{
				"read": s.calls()["read"], "create": s.calls()["create"], "overwrite": s.calls()["overwrite"], "list": listA(s),
				"make": func(ctx context.Context) error { _, err := maker.MakePlace(ctx, ""); return err },
			} {
				if how == "what was there" && what == "create" || how == "another folder" && (what == "read" || what == "make") {
					continue // a first write may have any generation, and a bucket any object
				}
				before := sent.Load()
				err := call(t.Context())
				if !assert.Error(t, err, "%s: %s: %s", name, what, how) {
					continue
				}
				for _, kind := range []error{lease.ErrConflict, lease.ErrMisconfigured, lease.ErrRecord, lease.ErrInvalid} {
					assert.NotErrorIs(t, err, kind, "%s: %s: %s", name, what, how)
				}
				assert.Less(t, len(err.Error()), 600, "a page in an error: %v", err)
				assert.NotContains(t, err.Error(), "Welcome")
				if name == "NewClient" && what != "read" && what != "make" {
					assert.LessOrEqual(t, sent.Load()-before, int64(1), "%s: %s", what, how)
				}
			}
		}
	}
}

// listA lists the leases whose names begin with "a".
func listA(s *Store) func(ctx context.Context) error {
	return func(ctx context.Context) (last error) {
		for _, last = range s.List(ctx, "a") {
		}
		return last
	}
}

// The control: the service's own answers count, to the same calls.
func TestEvidenceCounts(t *testing.T) {
	t.Parallel()
	var now atomic.Pointer[answerOf]
	sent, clients := newService(t, func(w http.ResponseWriter, r *http.Request) { now.Load().give(w, r) })
	own := http.Header{"X-Guploader-Uploadid": {"x"}}
	hashed := http.Header{"X-Goog-Generation": {"7"}, "X-Goog-Hash": {"crc32c=" + sum("x"), "md5=x"}}
	for name, client := range clients {
		s := NewStore(client, "b")
		for what, c := range map[string]struct {
			call     string
			answer   answerOf
			requests int64 // by a client that is not of NewClient
		}{
			"read":               {"read", answerOf{200, hashed, "x"}, 1},
			"no checksum":        {"read", answerOf{200, http.Header{"X-Goog-Generation": {"7"}}, "x"}, 1},
			"created":            {"create", answerOf{200, nil, written("b", "a", "x", 8)}, 1},
			"overwritten":        {"overwrite", answerOf{200, nil, written("b", "a", "x", 8)}, 1},
			"missing, XML":       {"read", answerOf{404, own, asXML("NoSuchKey", "The specified key does not exist.")}, 2},
			"missing, by header": {"read", answerOf{404, own, "No such object: b/a"}, 2},
			"missing, JSON":      {"read", answerOf{404, nil, asJSON(404, "notFound", "No such object: b/a")}, 2},
			"empty list":         {"list", answerOf{200, nil, `{"kind":"storage#objects"}`}, 0},
		} {
			if what == "empty list" && name != "NewClient" {
				continue // see TestEmptyList
			}
			now.Store(&c.answer)
			before := sent.Load()
			require.NoError(t, s.calls()[c.call](t.Context()), "%s: %s", name, what)
			if name == "NewClient" {
				c.requests = 1
			}
			assert.Equal(t, c.requests, sent.Load()-before, "%s: %s", name, what)
		}
	}
}

// A client that hides the kind of a list has the service prove that it answers, if there is nothing in the list.
func TestEmptyList(t *testing.T) {
	t.Parallel()
	var metadata atomic.Value
	_, clients := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/o") {
			_, _ = io.WriteString(w, "{}")
			return
		}
		assert.True(t, strings.HasSuffix(r.URL.Path, "/o/leases/%"), r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, metadata.Load().(string))
	})
	hides, shows := NewStore(clients["storage.NewClient"], "b", WithPrefix("leases/")), NewStore(clients["NewClient"], "b", WithPrefix("leases/"))
	metadata.Store(asJSON(404, "notFound", "No such object: b/leases/%"))
	require.NoError(t, hides.calls()["list"](t.Context()))
	require.NoError(t, hides.FindPlace(t.Context()))
	require.ErrorAs(t, shows.calls()["list"](t.Context()), new(*foreign.Error))
	require.ErrorAs(t, shows.FindPlace(t.Context()), new(*foreign.Error))
	metadata.Store(page)
	require.ErrorAs(t, hides.calls()["list"](t.Context()), new(*foreign.Error))
	require.ErrorAs(t, hides.FindPlace(t.Context()), new(*foreign.Error))
}

// A server that never comes to the end of a list keeps nobody for ever.
func TestListThatGoesRound(t *testing.T) {
	t.Parallel()
	_, clients := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"kind":"storage#objects","nextPageToken":"a"}`)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	s := NewStore(clients["NewClient"], "b")
	require.ErrorContains(t, s.calls()["list"](ctx), "it says that the list goes on where it has just begun")
	require.ErrorContains(t, s.FindPlace(ctx), "it says that the list goes on where it has just begun")
}

// Answers that break off, one after the other, end a read soon: the storage client would ask for the rest without end.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	for how, opts := range map[string][]option.ClientOption{"XML": nil, "JSON": {storage.WithJSONReads()}} {
		for part, body := range map[string]string{"begun": "begins", "not begun": ""} {
			header := http.Header{"Content-Length": {"100"}, "X-Goog-Generation": {"7"}}
			for name := range makers {
				sent, clients := newService(t, answerOf{200, header, body}.give, opts...)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				_, err := NewStore(clients[name], "b").Load(ctx, "a")
				if name == "NewClient" || part == "not begun" { // the service here does not go on in the middle
					require.ErrorIs(t, err, errBrokeOff, "%s: %s, %s", name, how, part)
				}
				require.Error(t, err)
				require.NoError(t, ctx.Err())
				require.NotErrorIs(t, err, context.Canceled, "nobody cancelled it")
				most := int64(1)
				if name != "NewClient" {
					most = maxReads + 1 // the last one may be on its way when it is cancelled
				}
				assert.LessOrEqual(t, sent.Load(), most, "%s: %s, %s", name, how, part)
				cancel()
			}
		}
	}
}

// A bucket that does not exist is told by a read, too, if the answer can be heard.
func TestNoBucketToRead(t *testing.T) {
	t.Parallel()
	for _, body := range []string{asXML("NoSuchBucket", "The specified bucket does not exist."), asJSON(404, "notFound", "The specified bucket does not exist.")} {
		_, clients := newService(t, answerOf{404, nil, body}.give)
		for name, client := range clients {
			err := NewStore(client, "my-leases").calls()["read"](t.Context())
			require.Error(t, err, name)
			if name == "NewClient" || !strings.HasPrefix(body, "<") {
				require.ErrorIs(t, err, lease.ErrMisconfigured, name)
				assert.ErrorContains(t, err, "gcloud storage buckets create gs://BUCKET")
			}
		}
	}
}

// A record that comes to be while it is read by a client that has to ask twice is found.
func TestMadeWhileItIsRead(t *testing.T) {
	t.Parallel()
	var reads atomic.Int64
	_, clients := newService(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/storage/v1/"):
			_, _ = io.WriteString(w, written("b", "a", "x", 7))
		case reads.Add(1) == 1:
			w.WriteHeader(http.StatusNotFound)
		default:
			w.Header().Set("X-Goog-Generation", "7")
			_, _ = io.Copy(w, bytes.NewReader([]byte("x")))
		}
	})
	got := load(t, NewStore(clients["storage.NewClient"], "b"), "a")
	assert.Equal(t, lease.Version("7"), got.Version)
}
