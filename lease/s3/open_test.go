package s3

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// pristine takes from the environment what the SDK would find there.
func pristine(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"} {
		t.Setenv(name, "")
	}
	file := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(file, []byte("[profile far]\nregion = ap-south-1\n"), 0o600))
	t.Setenv("AWS_CONFIG_FILE", file)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func openURL(t *testing.T, text string) (*Store, s3.Options, error) {
	u, err := url.Parse(text)
	require.NoError(t, err)
	store, err := open(t.Context(), u)
	if err != nil {
		return nil, s3.Options{}, err
	}
	return store, store.client.(*s3.Client).Options(), nil
}

func TestOpen(t *testing.T) {
	pristine(t)
	for _, c := range []struct {
		url, bucket, prefix, region, endpoint string
		pathStyle                             bool
	}{
		{"s3://b?region=eu-west-1", "b", "", "eu-west-1", "", false},
		{"s3://b/?region=eu-west-1", "b", "", "eu-west-1", "", false},
		{"s3://b/leases?region=eu-west-1", "b", "leases/", "eu-west-1", "", false},
		{"s3://b/a/b/?region=eu-west-1", "b", "a/b/", "eu-west-1", "", false},
		{"s3://b?profile=far", "b", "", "ap-south-1", "", false},
		{"s3://b?profile=far&region=eu-west-1", "b", "", "eu-west-1", "", false},
		{"s3://b?region=x&endpoint=http://minio:9000&path_style=true", "b", "", "x", "http://minio:9000", true},
		{"s3://b?region=x&path_style=false", "b", "", "x", "", false},
	} {
		store, o, err := openURL(t, c.url)
		require.NoError(t, err, c.url)
		assert.Equal(t, c.bucket, store.bucket, c.url)
		assert.Equal(t, c.prefix, store.prefix, c.url)
		assert.Equal(t, c.region, o.Region, c.url)
		assert.Equal(t, c.endpoint, aws.ToString(o.BaseEndpoint), c.url)
		assert.Equal(t, c.pathStyle, o.UsePathStyle, c.url)
	}
	t.Setenv("AWS_REGION", "us-west-2")
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	_, o, err := openURL(t, "s3://b")
	require.NoError(t, err)
	assert.Equal(t, "us-west-2", o.Region)
	assert.Equal(t, "http://127.0.0.1:1", aws.ToString(o.BaseEndpoint))
}

func TestOpenRefuses(t *testing.T) {
	pristine(t)
	for text, says := range map[string]string{
		"s3://?region=x":                                             "s3://bucket/folder",
		"s3:b?region=x":                                              "s3://place/folder",
		"s3:///b?region=x":                                           "s3://bucket/folder",
		"s3://me:secret@b?region=x":                                  "a user, a password or a key in it",
		"s3://b:80?region=x":                                         "port",
		"s3://b?region=x#secret":                                     "fragment",
		"s3://b?bucket=secret":                                       `the key "bucket" is unknown: use a key that s3 knows: region, profile, `,
		"s3://b?region=x&region=y":                                   "2 times",
		"s3://b?region=x&path_style=secret":                          "true or false",
		"s3://b?region=x&age=secret":                                 "true or false",
		"s3://b?region=x&requester_pays=secret":                      "true or false",
		"s3://b?region=x&profile=secret":                             "profile",
		"s3://b/folder?region=x&prefix=secret":                       "both a folder and a prefix",
		"s3://b?region=x&sse=secret":                                 "aws:kms",
		"s3://b?region=x&sse_kms_key_id=secret":                      "aws:kms",
		"s3://b?region=x&expected_bucket_owner=secret":               "twelve digits",
		"s3://b?region=x&endpoint=http%3A%2F%2Fme%3Asecret%40host":   "endpoint",
		"s3://b?region=x&endpoint=secret":                            "endpoint",
		"s3://b.s3.eu-west-1.amazonaws.com/a?X-Amz-Signature=secret": "address of a cloud's service",
		"s3://me@b.s3.eu-west-1.amazonaws.com/a":                     "address of a cloud's service",
		"s3://b.s3.eu-west-1.amazonaws.com/a":                        "address of a cloud's service",
		"s3://s3.eu-west-1.amazonaws.com/b/a?region=eu-west-1":       "address of a cloud's service",
		"s3://b": "AWS_REGION",
	} {
		_, err := lease.Open(t.Context(), text)
		require.ErrorIs(t, err, lease.ErrMisconfigured, text)
		assert.ErrorContains(t, err, says, text)
		assert.NotContains(t, err.Error(), "secret")
	}
}

// A configuration that is broken stays so.
func TestOpenWithABrokenConfiguration(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_CA_BUNDLE": "/no/such/file", "AWS_MAX_ATTEMPTS": "many", "AWS_RETRY_MODE": "never", "AWS_PROFILE": "nobody",
	} {
		t.Run(name, func(t *testing.T) {
			pristine(t)
			t.Setenv(name, value)
			_, err := lease.Open(t.Context(), "s3://b?region=eu-west-1")
			require.ErrorIs(t, err, lease.ErrMisconfigured)
			require.ErrorContains(t, err, `store URL "s3://b?region=eu-west-1"`)
		})
	}
}

// String is the URL that Open takes for the same place.
func TestString(t *testing.T) {
	pristine(t)
	for _, c := range []struct{ prefix, text string }{
		{"", "s3://b"},
		{"leases/", "s3://b/leases"},
		{"a/b c/", "s3://b/a/b%20c"},
		{"my leases/of-", "s3://b?prefix=my+leases/of-"},
		{"?#/", "s3://b/%3F%23"},
	} {
		require.Equal(t, c.text, NewStore(nil, "b", WithPrefix(c.prefix)).String())
		t.Setenv("AWS_REGION", "eu-west-1")
		opened, _, err := openURL(t, c.text)
		require.NoError(t, err)
		require.Equal(t, c.prefix, opened.prefix)
		require.Equal(t, "b", opened.bucket)
	}
}

// Many managers have a connection each, and none once they are closed.
func TestCloseClosesConnections(t *testing.T) {
	pristine(t)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	connections := wire.CountConnections(server)
	server.Start()
	defer server.Close()
	var all []lease.Manager
	for range 20 {
		m, err := lease.Open(t.Context(), "s3://b?region=eu-west-1&path_style=true&endpoint="+url.QueryEscape(server.URL))
		require.NoError(t, err)
		_, err = lease.Inspect(t.Context(), m, "a")
		require.Error(t, err)
		all = append(all, m)
	}
	require.Equal(t, 20, connections.Open())
	for _, m := range all {
		require.NoError(t, lease.Close(m))
	}
	require.Eventually(t, func() bool { return connections.Open() == 0 }, 30*time.Second, time.Millisecond)

	client := newAnswers(t, wire.Reply(http.StatusNotFound, nil, ""))
	require.NoError(t, lease.Close(New(client, "b")), "a client of the user's is left alone")
}

// A manager that Open made takes up keys that were rotated in the shared file.
func TestOpenReadsRotatedKeys(t *testing.T) {
	pristine(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	write := func(key string) {
		content := "[default]\naws_access_key_id = " + key + "\naws_secret_access_key = x\n"
		require.NoError(t, os.WriteFile(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), []byte(content), 0o600))
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "HTTP/1.1", r.Proto)
		code, status := "NoSuchKey", http.StatusNotFound
		if strings.Contains(r.Header.Get("Authorization"), "Credential=old/") {
			code, status = "InvalidAccessKeyId", http.StatusForbidden
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>the message</Message></Error>", code)
	}))
	defer server.Close()
	write("old")
	m, err := lease.Open(t.Context(), "s3://b?region=eu-west-1&path_style=true&endpoint="+url.QueryEscape(server.URL))
	require.NoError(t, err)
	defer lease.Close(m)
	write("new")
	_, err = lease.Inspect(t.Context(), m, "a")
	require.NoError(t, err)
}

// An endpoint that is an IP address has no names of buckets before it: the SDK puts the bucket into the path by itself.
func TestOpenedManager(t *testing.T) {
	bucket := newBucket(t)
	proxy, _ := newProxy(t)
	for _, more := range []string{"", "&path_style=true"} {
		m, err := lease.Open(t.Context(), "s3://"+bucket+"/leases?region=us-east-1&endpoint="+proxy.URL()+more)
		require.NoError(t, err)
		used := proxy.OnRequest(1, wire.Delay(wire.Before, 0))
		held, err := m.Acquire(t.Context(), request("a", "one", time.Minute))
		require.NoError(t, err)
		<-used
		assert.Contains(t, get(t, newClient(t), bucket, "leases/a"), held.ID)
		require.NoError(t, m.Release(t.Context(), held))
		require.NoError(t, lease.Close(m))
	}
	m, err := lease.Open(t.Context(), "s3://"+bucket)
	require.NoError(t, err, "AWS_ENDPOINT_URL")
	_, err = m.Acquire(t.Context(), request("a", "one", time.Minute))
	require.NoError(t, err)
	m, err = lease.Open(t.Context(), "s3://no-such-bucket-of-leases/x")
	require.NoError(t, err, "nothing is sent yet")
	_, err = m.Acquire(t.Context(), request("a", "one", time.Minute))
	assert.ErrorContains(t, err, `s3://no-such-bucket-of-leases/x?endpoint=http://`)
	assert.ErrorContains(t, err, `: acquire lease "a": `)
}
