package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/config"
	dynamodbsdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	s3sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/lease/dynamodb"
)

// A place is where a command finds a store.
type place struct {
	store    string
	upstream string              // the service's endpoint
	env      func(string) string // has a command find the service at another endpoint
}

const azureVariable = "AZURE_STORAGE_CONNECTION_STRING"

// services are the emulators' places: those of a table, bucket or container that is there, or not.
var services = map[emulator.Service]func(t testing.TB, name string, exists bool) place{
	emulator.DynamoDB: dynamodbPlace,
	emulator.S3:       s3Place,
	emulator.GCS:      gcsPlace,
	emulator.Azure:    azurePlace,
}

// newPlace is one of a table, a bucket or a container of the test's own.
func newPlace(t testing.TB, s emulator.Service) place {
	t.Helper()
	emulator.Need(t, s)
	return services[s](t, emulator.Name(t), true)
}

// nowhere is one of a table, a bucket or a container that there is not.
func nowhere(t testing.TB, s emulator.Service) place {
	t.Helper()
	emulator.Need(t, s)
	return services[s](t, emulator.Name(t), false)
}

func dynamodbPlace(t testing.TB, name string, exists bool) place {
	if exists {
		cfg, err := config.LoadDefaultConfig(t.Context())
		require.NoError(t, err)
		client := dynamodbsdk.NewFromConfig(cfg)
		require.NoError(t, dynamodb.CreateTable(t.Context(), client, name))
		t.Cleanup(func() {
			_, _ = client.DeleteTable(context.WithoutCancel(t.Context()), &dynamodbsdk.DeleteTableInput{TableName: &name})
		})
	}
	const variable = "AWS_ENDPOINT_URL_DYNAMODB"
	return place{
		"dynamodb://" + name, cmp.Or(os.Getenv(variable), os.Getenv("AWS_ENDPOINT_URL")),
		func(endpoint string) string { return variable + "=" + endpoint },
	}
}

func s3Place(t testing.TB, name string, exists bool) place {
	if exists {
		cfg, err := config.LoadDefaultConfig(t.Context())
		require.NoError(t, err)
		_, err = s3sdk.NewFromConfig(cfg).CreateBucket(t.Context(), &s3sdk.CreateBucketInput{Bucket: &name})
		require.NoError(t, err)
	}
	const variable = "AWS_ENDPOINT_URL_S3"
	return place{
		"s3://" + name, cmp.Or(os.Getenv(variable), os.Getenv("AWS_ENDPOINT_URL")),
		func(endpoint string) string { return variable + "=" + endpoint },
	}
}

func gcsPlace(t testing.TB, name string, exists bool) place {
	if exists {
		client, err := storage.NewClient(t.Context())
		require.NoError(t, err)
		defer client.Close()
		require.NoError(t, client.Bucket(name).Create(t.Context(), "test", nil))
	}
	const variable = "STORAGE_EMULATOR_HOST"
	return place{
		"gs://" + name, "http://" + os.Getenv(variable),
		func(endpoint string) string { return variable + "=" + strings.TrimPrefix(endpoint, "http://") },
	}
}

func azurePlace(t testing.TB, name string, exists bool) place {
	connection := os.Getenv(azureVariable)
	if exists {
		client, err := container.NewClientFromConnectionString(connection, name, nil)
		require.NoError(t, err)
		_, err = client.Create(t.Context(), nil)
		require.NoError(t, err)
		t.Cleanup(func() { _, _ = client.Delete(context.WithoutCancel(t.Context()), nil) })
	}
	_, endpoint, _ := strings.Cut(connection, "BlobEndpoint=")
	endpoint, _, _ = strings.Cut(endpoint, "/devstoreaccount1")
	return place{
		"azblob:///" + name, endpoint,
		func(other string) string {
			return azureVariable + "=" + strings.Replace(connection, endpoint, other, 1)
		},
	}
}

// through puts something between the command and the service, that answers itself, or changes the request and passes it
// on. It is not wire.Proxy, as that breaks requests by their number, and this by what they are. A real service cannot be
// reached through it: requests are signed for its own name.
func (p place) through(t testing.TB, something func(w http.ResponseWriter, r *http.Request, pass http.Handler)) place {
	t.Helper()
	upstream, err := url.Parse(p.upstream)
	if err != nil || upstream.Host == "" {
		t.Skip("there is no emulator to put something before")
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(upstream) // with its Host, by which fake-gcs-server chooses what to do; the others do not mind
	}}
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { something(w, r, pass) }))
	t.Cleanup(between.Close)
	return place{p.store, between.URL, p.env}
}

// refusing answers 403 to some requests.
func refusing(which func(*http.Request) bool, answer string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if !which(r) {
			pass.ServeHTTP(w, r)
			return
		}
		w.Header().Set("X-Guploader-Uploadid", "test") // by which Cloud Storage and Azure show that it is they who refuse
		w.Header().Set("X-Ms-Request-Id", "test")
		if strings.HasPrefix(answer, "{") {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Amz-Crc32", fmt.Sprint(crc32.ChecksumIEEE([]byte(answer)))) // which DynamoDB's SDK checks
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, answer)
	}
}

// without passes the request on without these headers and parts of its query.
func without(names ...string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		query := r.URL.Query()
		for _, name := range names {
			r.Header.Del(name)
			query.Del(name)
		}
		if r.URL.RawQuery != "" {
			r.URL.RawQuery = query.Encode()
		}
		pass.ServeHTTP(w, r)
	}
}

// rewritten passes the request on with another body.
func rewritten(r *http.Request, change func(body []byte) []byte) {
	body, _ := io.ReadAll(r.Body)
	body = change(body)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Del("Content-Length")
}
