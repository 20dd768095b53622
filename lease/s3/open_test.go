package s3

import (
	"net/url"
	"os"
	"path/filepath"
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
		"s3://?region=x":                   "s3://bucket/folder",
		"s3:b?region=x":                    "s3://bucket/folder",
		"s3:///b?region=x":                 "s3://bucket/folder",
		"s3://me:secret@b?region=x":        "without user",
		"s3://b:80?region=x":               "port",
		"s3://b?region=x#f":                "fragment",
		"s3://b?bucket=c":                  "s3: knows region, profile, endpoint, path_style",
		"s3://b?region=x&region=y":         "2 times",
		"s3://b?region=x&path_style=quite": "true or false",
		"s3://b?region=x&profile=nobody":   "nobody",
		"s3://b":                           "AWS_REGION",
	} {
		_, err := lease.Open(t.Context(), text)
		require.ErrorIs(t, err, lease.ErrMisconfigured, text)
		require.ErrorContains(t, err, says)
		assert.NotContains(t, err.Error(), "secret")
	}
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
	assert.ErrorContains(t, err, `s3://no-such-bucket-of-leases/x/: acquire lease "a"`)
}
