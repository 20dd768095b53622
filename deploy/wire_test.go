package deploy

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
)

// A watcher passes requests on to a service, and collects the permissions that the service asks of their sender.
type watcher struct {
	server *httptest.Server
	mu     sync.Mutex
	needs  map[string]bool
	odd    []string // requests that no permission is known for
}

// watch has the SDK of the service send through a watcher.
func watch(t *testing.T, s emulator.Service, permissions func(*http.Response) []string) *watcher {
	t.Helper()
	emulator.Need(t, s)
	upstream, err := url.Parse(emulator.Endpoint(s))
	require.NoError(t, err)
	require.NotEmpty(t, upstream.Host, "this test is for emulators")
	w := &watcher{needs: map[string]bool{}}
	w.server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = upstream.Scheme, upstream.Host
			r.Out.Host = r.In.Host // which is signed
			if s == emulator.GCS {
				r.Out.Host = upstream.Host // by which the emulator tells reads from the rest
			}
		},
		ModifyResponse: func(r *http.Response) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			all := permissions(r)
			if len(all) == 0 {
				w.odd = append(w.odd, r.Request.Method+" "+r.Request.URL.String())
			}
			for _, p := range all {
				w.needs[p] = true
			}
			return nil
		},
	})
	t.Cleanup(w.server.Close)
	t.Setenv(emulator.At(s, w.server.URL))
	return w
}

// needed returns the permissions, sorted.
func (w *watcher) needed(t *testing.T) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Empty(t, w.odd, "requests that no permission is known for")
	return slices.Sorted(maps.Keys(w.needs))
}

// onDynamoDB: each operation is an action of its own name.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
func onDynamoDB(r *http.Response) []string {
	if _, operation, ok := strings.Cut(r.Request.Header.Get("X-Amz-Target"), "DynamoDB_20120810."); ok {
		return []string{"dynamodb:" + operation}
	}
	return nil
}

// onS3: a missing object is 404 only for those who may list the bucket, and a conditional write needs the permission to read.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html and
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func onS3(r *http.Response) []string {
	isObject := strings.Contains(strings.Trim(r.Request.URL.Path, "/"), "/")
	switch {
	case !isObject && r.Request.Method == http.MethodGet:
		return []string{"s3:ListBucket"}
	case !isObject:
		return nil
	case r.Request.Method == http.MethodGet && r.StatusCode == http.StatusNotFound:
		return []string{"s3:GetObject", "s3:ListBucket"}
	case r.Request.Method == http.MethodGet:
		return []string{"s3:GetObject"}
	case r.Request.Method == http.MethodPut && r.Request.Header.Get("If-Match") != "":
		return []string{"s3:PutObject", "s3:GetObject"}
	case r.Request.Method == http.MethodPut && r.Request.Header.Get("If-None-Match") != "":
		return []string{"s3:PutObject"}
	}
	return nil
}

// onGCS: to overwrite an object is also to delete it, and a missing one is 404 only for those who may list.
// https://cloud.google.com/storage/docs/access-control/iam-json
func onGCS(r *http.Response) []string {
	query := r.Request.URL.Query()
	switch {
	case r.Request.Method == http.MethodPost && query.Get("ifGenerationMatch") == "0":
		return []string{"storage.objects.create"}
	case r.Request.Method == http.MethodPost && query.Has("ifGenerationMatch"):
		return []string{"storage.objects.create", "storage.objects.delete"}
	case r.Request.Method == http.MethodGet && strings.HasSuffix(r.Request.URL.Path, "/o"):
		return []string{"storage.objects.list"}
	case r.Request.Method == http.MethodGet && r.StatusCode == http.StatusNotFound:
		return []string{"storage.objects.get", "storage.objects.list"}
	case r.Request.Method == http.MethodGet:
		return []string{"storage.objects.get"}
	}
	return nil
}

// onAzure: blobs are read, listed and written; a lease is a write.
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory#permissions-for-calling-data-operations
func onAzure(r *http.Response) []string {
	const blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"
	query := r.Request.URL.Query()
	isContainer := query.Get("restype") == "container"
	switch {
	case isContainer && query.Get("comp") == "list", !isContainer && (r.Request.Method == http.MethodGet || r.Request.Method == http.MethodHead):
		return []string{blobs + "read"}
	case !isContainer && r.Request.Method == http.MethodPut && slices.Contains([]string{"", "lease", "metadata"}, query.Get("comp")):
		return []string{blobs + "write"}
	}
	return nil
}
