package s3

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// Options are headers of every request that they are for, whichever way they are given.
func TestOptionsOnTheWire(t *testing.T) {
	pristine(t)
	const sse, keyID, owner, payer = "X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "X-Amz-Expected-Bucket-Owner", "X-Amz-Request-Payer"
	for _, c := range []struct {
		query string
		opt   Option
		write map[string]string // the headers of a write
		read  map[string]string // and of a read and a list
	}{
		{"", func(*Store) {}, nil, nil},
		{"sse=AES256", WithServerSideEncryption(types.ServerSideEncryptionAes256, ""), map[string]string{sse: "AES256"}, nil},
		{"sse=aws:kms", WithServerSideEncryption(types.ServerSideEncryptionAwsKms, ""), map[string]string{sse: "aws:kms"}, nil},
		{"sse=aws:kms:dsse&sse_kms_key_id=alias/leases", WithServerSideEncryption(types.ServerSideEncryptionAwsKmsDsse, "alias/leases"),
			map[string]string{sse: "aws:kms:dsse", keyID: "alias/leases"}, nil},
		{"expected_bucket_owner=111122223333", WithExpectedBucketOwner("111122223333"),
			map[string]string{owner: "111122223333"}, map[string]string{owner: "111122223333"}},
		{"requester_pays=true", WithRequesterPays(), map[string]string{payer: "requester"}, map[string]string{payer: "requester"}},
		{"requester_pays=false", func(*Store) {}, nil, nil},
	} {
		opened, _, err := openURL(t, strings.TrimSuffix("s3://bucket?region=eu-west-1&"+c.query, "&"))
		require.NoError(t, err)
		for _, s := range []*Store{opened, NewStore(nil, "bucket", c.opt)} {
			var sent []*http.Request
			s.client = amazon(func(r *http.Request) (*http.Response, error) {
				sent = append(sent, r)
				return reply(http.StatusNotFound, "", nil), nil
			})
			for _, call := range calls(t, s) {
				require.Error(t, call())
			}
			require.Len(t, sent, 5)
			for _, r := range sent {
				want := c.read
				if r.Method == http.MethodPut {
					want = c.write
				}
				for _, header := range []string{sse, keyID, owner, payer} {
					assert.Equal(t, want[header], r.Header.Get(header), "%s %s: %s", c.query, r.Method, header)
				}
			}
		}
	}
}

// wrapped is a client that does not show its options.
type wrapped struct{ API }

type elsewhere struct{}

func (elsewhere) ResolveEndpoint(context.Context, s3.EndpointParameters) (smithyendpoints.Endpoint, error) {
	return smithyendpoints.Endpoint{URI: url.URL{Scheme: "http", Host: "127.0.0.1:1"}}, nil
}

// Age rests on S3's own clocks: those of an endpoint that somebody named are trusted only if asked for.
func TestWhoseClocksAreTrusted(t *testing.T) {
	pristine(t)
	client := func(change func(*s3.Options)) API { return s3.New(s3.Options{Region: "eu-west-1"}, change) }
	own := client(func(*s3.Options) {})
	//lint:ignore SA1019 a resolver of the old kind is used as long as there is one
	old := s3.WithEndpointResolver(s3.EndpointResolverFromURL("https://minio.example"))
	for name, c := range map[string]struct {
		client API
		want   bool
	}{
		"Amazon's own":     {own, true},
		"FIPS":             {client(func(o *s3.Options) { o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled }), true},
		"base endpoint":    {client(func(o *s3.Options) { o.BaseEndpoint = aws.String("https://minio.example") }), false},
		"resolver":         {client(old), false},
		"resolver v2":      {client(s3.WithEndpointResolverV2(elsewhere{})), false},
		"no TLS":           {client(func(o *s3.Options) { o.EndpointOptions.DisableHTTPS = true }), false},
		"does not show it": {wrapped{own}, false},
		"no client":        {nil, false},
	} {
		assert.Equal(t, c.want, NewStore(c.client, "b").aged, name)
		assert.True(t, NewStore(c.client, "b", WithAge()).aged, name)
		assert.False(t, NewStore(c.client, "b", WithoutAge()).aged, name)
	}
	for query, want := range map[string]bool{
		"": true, "&age=true": true, "&age=false": false, "&endpoint=https://minio.example": false, "&endpoint=https://minio.example&age=true": true,
	} {
		store, _, err := openURL(t, "s3://b?region=eu-west-1"+query)
		require.NoError(t, err)
		assert.Equal(t, want, store.aged, query)
	}
	for _, variable := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, "https://minio.example")
			store, _, err := openURL(t, "s3://b?region=eu-west-1")
			require.NoError(t, err)
			assert.False(t, store.aged)
		})
	}
}

// A front end that puts its own Date into the answers, 20 seconds fast, takes no lease from a living holder.
func TestFrontEndWithAFastClock(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	_, err := New(newClient(t), bucket).Acquire(t.Context(), request("a", "one", 15*time.Second))
	require.NoError(t, err)
	fast, _ := other(t, func(_ *http.Request, answer *http.Response) {
		answer.Header.Set("Date", time.Now().UTC().Add(20*time.Second).Format(http.TimeFormat))
	})
	_, err = New(fast, bucket).Acquire(t.Context(), request("a", "two", 15*time.Second))
	require.ErrorIs(t, err, lease.ErrHeld)
	info, err := lease.Inspect(t.Context(), New(fast, bucket), "a")
	require.NoError(t, err)
	assert.False(t, info.Timed)
	assert.Zero(t, info.Age)

	info, err = lease.Inspect(t.Context(), New(newClient(t), bucket, WithAge()), "a")
	require.NoError(t, err)
	assert.True(t, info.Timed, "it can tell, also of what was written just now")
}
