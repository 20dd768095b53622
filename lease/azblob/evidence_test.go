package azblob

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// A sentCall is one request of one call, and what is to be as before after an answer to it that is not Azure's.
type sentCall struct {
	name   string
	status int // of the answer that the SDK takes for a success
	k      int // which request of the call it is
	held   bool
	do     func(t *testing.T, m lease.Manager, held lease.Lease) error
}

func tryAcquire(t *testing.T, m lease.Manager, held lease.Lease) error {
	l, err := m.Acquire(t.Context(), request(held.Name, "broken"))
	assert.Zero(t, l)
	return err
}

var sentCalls = []sentCall{
	{"Get Blob", 200, 1, true, func(t *testing.T, m lease.Manager, held lease.Lease) error {
		info, err := lease.Inspect(t.Context(), m, held.Name)
		assert.Zero(t, info)
		return err
	}},
	{"Get Blob of a poll", 200, 1, true, tryAcquire},
	{"Put Blob", 201, 2, false, func(t *testing.T, m lease.Manager, held lease.Lease) error {
		held.Name += "/new"
		return tryAcquire(t, m, held)
	}},
	{"Acquire Lease", 201, 2, false, tryAcquire},
	{"Set Blob Metadata", 200, 3, false, tryAcquire},
	{"Renew Lease", 200, 1, true, func(t *testing.T, m lease.Manager, held lease.Lease) error {
		_, err := m.Renew(t.Context(), held)
		return err
	}},
	{"Release Lease", 200, 1, true, func(t *testing.T, m lease.Manager, held lease.Lease) error {
		return m.Release(t.Context(), held)
	}},
	{"Put Blob of a value", 201, 2, true, func(t *testing.T, m lease.Manager, held lease.Lease) error {
		renewed, err := m.Renew(t.Context(), withValue(held, "set"))
		assert.Zero(t, renewed)
		return err
	}},
	{"Set Blob Metadata of new attributes", 200, 2, true, func(t *testing.T, m lease.Manager, held lease.Lease) error {
		renewed, err := m.Renew(t.Context(), withValue(held, ""))
		assert.Zero(t, renewed)
		return err
	}},
	{"Put Blob before Release Lease", 201, 2, true, func(t *testing.T, m lease.Manager, held lease.Lease) error {
		return m.Release(t.Context(), withValue(held, "set"))
	}},
	{"Break Lease", 202, 2, true, func(t *testing.T, m lease.Manager, held lease.Lease) error {
		return lease.Break(t.Context(), m, lease.Info{Name: held.Name, ID: held.ID})
	}},
	{"Get Blob of a cell", 200, 1, true, func(t *testing.T, m lease.Manager, held lease.Lease) error {
		cells, _ := lease.StoreOf(m)
		snapshot, err := cells.Load(t.Context(), held.Name)
		assert.Zero(t, snapshot)
		return err
	}},
	{"Put Blob of a cell", 201, 1, true, func(t *testing.T, m lease.Manager, held lease.Lease) error {
		cells, _ := lease.StoreOf(m)
		version, err := cells.Swap(t.Context(), held.Name, "", []byte("a cell"))
		assert.Zero(t, version)
		return err
	}},
	{"List Blobs", 200, 1, true, func(t *testing.T, m lease.Manager, held lease.Lease) error {
		var last error
		for info, err := range lease.List(t.Context(), m, "") {
			assert.Zero(t, info)
			last = err
		}
		return last
	}},
}

// anothers are the headers of a well-formed answer to somebody else's request.
func anothers() http.Header {
	h := http.Header{}
	for name, value := range map[string]string{
		"Etag": `"0x8D4BCC2E4835CD0"`, "Last-Modified": "Sat, 01 Mar 2025 23:59:58 GMT", "X-Ms-Version": "2025-05-05",
		"X-Ms-Request-Id": "f9a0f8d6-501e-0026-7a1c-8b2f5f000000", "X-Ms-Client-Request-Id": "another",
		"X-Ms-Lease-Id": "11111111-2222-3333-4444-555555555555", "X-Ms-Lease-State": "available", "X-Ms-Lease-Status": "unlocked",
		"X-Ms-Lease-Time": "0", "X-Ms-Meta-Leader_format": "1",
	} {
		h.Set(name, value)
	}
	return h
}

const anothersList = `<?xml version="1.0"?><EnumerationResults ServiceEndpoint="https://x/" ContainerName="another"><Blobs/><NextMarker/></EnumerationResults>`

// strays are answers that are not Azure's to the request. Some of them say what a success says, others what a refusal does.
func strays(status int, elsewhere string) map[string]wire.Fault {
	html := http.Header{"Content-Type": {"text/html"}}
	long := http.Header{"Content-Length": {"1000"}, "Content-Type": {"application/xml"}}
	all := map[string]wire.Fault{
		"empty":                   wire.Reply(status, nil, ""),
		"{}":                      wire.Reply(status, nil, "{}"),
		"[]":                      wire.Reply(status, nil, "[]"),
		"a page":                  wire.Reply(status, html, "<html>Please log in</html>"),
		"200":                     wire.Reply(200, html, "<html>Please log in</html>"),
		"a truncated body":        wire.Reply(status, long, "<?xml"),
		"a redirect":              wire.Reply(302, http.Header{"Location": {elsewhere}}, ""),
		"a redirect of the write": wire.Reply(307, http.Header{"Location": {elsewhere}}, ""),
		"another's answer":        wire.Reply(status, anothers(), anothersList),
	}
	for _, refusal := range []int{401, 403, 404, 407, 409, 412, 503} {
		all[fmt.Sprint("a page with ", refusal)] = wire.Reply(refusal, html, "<html>No</html>")
	}
	for code, refusal := range map[string]int{
		"BlobNotFound": 404, "ContainerNotFound": 404, "LeaseIdMismatchWithLeaseOperation": 409, "LeaseAlreadyPresent": 409,
		"AuthenticationFailed": 403,
	} {
		all["a body with "+code] = wire.Reply(refusal, nil, "<Error><Code>"+code+"</Code></Error>")
		h := anothers()
		h.Set("X-Ms-Error-Code", code)
		all["another's refusal with "+code] = wire.Reply(refusal, h, "")
	}
	return all
}

// mirror is a server that takes any request, and answers as Azure would on success, with all that the request says.
func mirror(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range anothers() {
			w.Header()[name] = values
		}
		w.Header().Set("X-Ms-Client-Request-Id", r.Header.Get("X-Ms-Client-Request-Id"))
		if id := r.Header.Get("X-Ms-Lease-Id") + r.Header.Get("X-Ms-Proposed-Lease-Id"); id != "" {
			w.Header().Set("X-Ms-Lease-Id", id)
		}
		status := http.StatusOK
		switch r.Header.Get("X-Ms-Lease-Action") {
		case "acquire":
			status = http.StatusCreated
		case "break":
			status = http.StatusAccepted
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(anothersList))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// managers have clients that recognize an answer by different evidence. Each is behind its own proxy.
var managers = map[string]func(t *testing.T, p place) (lease.Manager, *wire.Proxy){
	"opened": func(t *testing.T, p place) (lease.Manager, *wire.Proxy) {
		connection, proxy := proxiedConnection(t)
		m, err := open(&url.URL{Scheme: "azblob", Path: "/" + p.name}, connection, nil)
		require.NoError(t, err)
		t.Cleanup(func() { _ = lease.Close(m) })
		return m, proxy
	},
	"with a SAS": func(t *testing.T, p place) (lease.Manager, *wire.Proxy) {
		_, proxy := proxiedConnection(t)
		all := sas.ContainerPermissions{Read: true, Write: true, Create: true, List: true}
		signed, err := p.GetSASURL(all, time.Now().Add(time.Hour), nil)
		require.NoError(t, err)
		u, err := url.Parse(signed)
		require.NoError(t, err)
		u.Host = strings.TrimPrefix(proxy.URL(), "http://")
		c, err := container.NewClientWithNoCredential(u.String(), nil)
		require.NoError(t, err)
		return New(c), proxy
	},
	// Nothing can be added to what such a client sends, so it cannot know another's answer in all cases.
	"with a key": func(t *testing.T, p place) (lease.Manager, *wire.Proxy) { return p.proxied(t) },
}

// R2, R4: nothing but Azure's own answer to a request is taken for its success, nor for a refusal. After any other, all is as
// it was, or as it would be after no answer at all.
func TestStrayAnswers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	elsewhere := mirror(t)
	for kind, make := range managers {
		for _, call := range sentCalls {
			for name, fault := range strays(call.status, elsewhere) {
				if !tells(kind, call.name, name) {
					continue
				}
				t.Run(kind+"/"+call.name+"/"+name, func(t *testing.T) {
					t.Parallel()
					m, proxy := make(t, p)
					strayed(t, p, m, proxy, call, fault, kind+"/"+call.name+"/"+name)
				})
			}
		}
	}
}

// tells leaves out what another kind of client shows, and what one with a key cannot tell.
func tells(kind, call, answer string) bool {
	others := strings.HasPrefix(answer, "another's")
	switch kind {
	case "with a SAS":
		return others || strings.HasPrefix(answer, "a redirect")
	case "with a key":
		return others && answer == "another's answer" && (call == "Renew Lease" || call == "Acquire Lease" || call == "List Blobs") ||
			answer == "a page" || strings.HasPrefix(answer, "a redirect")
	}
	return true
}

func strayed(t *testing.T, p place, m lease.Manager, proxy *wire.Proxy, call sentCall, fault wire.Fault, name string) {
	sound := New(p.Client)
	held := acquire(t, sound, name, "one")
	if !call.held {
		require.NoError(t, sound.Release(t.Context(), held))
	}
	struck := proxy.OnRequest(call.k, fault)
	err := call.do(t, m, held)
	<-struck
	proxy.Heal()
	require.Error(t, err)
	assert.NotErrorIs(t, err, lease.ErrHeld)
	assert.NotErrorIs(t, err, lease.ErrLost)
	assert.NotErrorIs(t, err, lease.ErrMisconfigured)
	assert.NotErrorIs(t, err, lease.ErrRecord)
	assert.NotContains(t, err.Error(), "\n")
	if !call.held {
		assert.Greater(t, acquire(t, sound, name, "two").Token, held.Token, "nobody is left with the lease")
		return
	}
	now, err := lease.Inspect(t.Context(), sound, name)
	require.NoError(t, err)
	assert.Equal(t, lease.Held, now.State)
	assert.Equal(t, held.ID, now.ID)
	assert.False(t, now.Broken)
	_, err = m.Renew(t.Context(), held)
	require.NoError(t, err)
}

// Likewise for the request that makes a container.
func TestStrayAnswersToCreateContainer(t *testing.T) {
	t.Parallel()
	emulator.Need(t, emulator.Azure)
	for name, fault := range strays(201, mirror(t)) {
		p := place{name: emulator.Name(t)}
		connection, proxy := proxiedConnection(t)
		m, err := open(&url.URL{Scheme: "azblob", Path: "/" + p.name, RawQuery: "create=true"}, connection, nil)
		require.NoError(t, err)
		struck := proxy.OnRequest(3, fault) // after Get Blob Properties and Put Blob, both in vain
		_, err = m.Acquire(t.Context(), request("orders", "one"))
		<-struck
		require.Error(t, err, name)
		assert.NotErrorIs(t, err, lease.ErrMisconfigured, name)
		_, err = p.client(t, connectionString(), nil).GetProperties(t.Context(), nil)
		require.ErrorContains(t, err, "ContainerNotFound", name)
		require.NoError(t, lease.Close(m))
	}
}

// A container's own client keeps the headers that it is told to send.
func TestMarking(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for kind, want := range map[string]bool{"opened": false, "with a SAS": true, "with a key": false} {
		m, _ := managers[kind](t, p)
		assert.Equal(t, want, m.(*manager).marks, kind)
	}
}
