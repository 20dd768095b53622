package storeurl_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/errtest"
	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

func parse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u
}

// refused is how every error of the package is.
func refused(t *testing.T, err error, says string) {
	t.Helper()
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	require.ErrorContains(t, err, "store URL ")
	require.ErrorContains(t, err, says)
	require.NotContains(t, err.Error(), "SECRET")
	errtest.Advice(t, err)
}

func TestRefuse(t *testing.T) {
	for raw, says := range map[string]string{
		"gs://bucket":        `store URL "gs://bucket": it is wrong: use gs://other`,
		"gs://u:SECRET@b":    `store URL "gs:...": it is wrong: use gs://other`,
		"gs://bucket#SECRET": `store URL "gs://bucket": it is wrong`,
		"s3://b.s3.eu-west-1.amazonaws.com?X-Amz-Signature=SECRET": "this is the address of a cloud's service: write the place as s3://",
	} {
		refused(t, storeurl.Refuse(parse(t, raw), "it is wrong", "gs://other"), says)
	}
}

func TestQuery(t *testing.T) {
	tests := []struct {
		url   string
		known []string
		says  string // in the error; empty: it can be read
	}{
		{"s3://bucket", nil, ""},
		{"s3://bucket?", []string{"region"}, ""},
		{"s3://bucket?region=eu-west-1&prefix=a%2Fb", []string{"prefix", "region"}, ""},
		{"s3://bucket?region=", []string{"region"}, `"s3://bucket?...": the key "region" has no value: write a value, or leave it out`},
		{"s3://bucket?owner", []string{"owner"}, `the key "owner" has no value`},
		{"s3://bucket?owner&owner=1", []string{"owner"}, `the key "owner" is there 2 times`},
		{"s3://bucket?region=auto", []string{"region"}, ""},
		{"s3://bucket?region=eu-central-003", []string{"region"}, ""},
		{"s3://bucket?regoin=eu-west-1", []string{"prefix", "region"}, `the key "regoin" is unknown: use a key that s3 knows: prefix, region`},
		{"s3://bucket?Region=eu-west-1", []string{"region"}, `the key "Region" is unknown: use a key that s3 knows: region`},
		{"mem:?size=1", nil, `store URL "mem:?size=...": the key "size" is unknown: leave it out: mem knows no keys`},
		{"s3://bucket?region=a&region=a", []string{"region"}, `the key "region" is there 2 times`},
		{"s3://bucket?region=%zz", []string{"region"}, `store URL "s3://bucket?region=...": its query cannot be read: write it as`},
		{"s3://bucket?region=a;prefix=b", []string{"prefix", "region"}, "its query cannot be read"},
		{"file:///srv/a:b/me%40SECRET", nil, `"file:...": there may be a user, a password or a key in it: write it as file:///directory, without a : before an @`},
		{"s3://bucket/a=1&sig=SECRET", []string{"prefix"}, `"s3:...": there may be a user, a password or a key in it: write it as s3://place/folder`},
		{"s3://user:SECRET@bucket?x=1", []string{"region"}, `"s3:...": there may be a user, a password or a key in it: write it as s3://place/folder, with an @ as %40`},
		{"s3://user:SECRET@bucket?x=%zz", []string{"region"}, `"s3:...": there may be`},
		{"s3://SECRET/SECRET@bucket", nil, `"s3:...": there may be`},
		{"s3://AccountName=x;AccountKey=SECRET", nil, `"s3:...": there may be`},
		{"s3://bucket/an%40sign", nil, ""},
		{"s3://bucket?region=SECRET", []string{"region"}, "region is the name of a region"},
		{"s3://bucket?SECRET", []string{"region"}, `"s3://bucket?...": it has a key that is unknown: use a key that s3 knows: region`},
		{"s3://bucket?SECRET==", []string{"region"}, "it has a key that is unknown"},
		{"s3://bucket?%53ECRET=1", []string{"region"}, "it has a key that is unknown"},
		{"azblob://account/container?sp=r&sig=SECRET", []string{"create"}, `"azblob://account/container?sp=...&sig=...": the key "sig" is unknown`},
		{"azblob://account.blob.core.windows.net/container?sig=SECRET", []string{"create"}, "write the place as azblob://account/container/folder"},
	}
	for _, test := range tests {
		t.Run(test.url, func(t *testing.T) {
			u := parse(t, test.url)
			query, err := storeurl.Query(u, test.known...)
			if test.says == "" {
				require.NoError(t, err)
				require.Equal(t, u.Query(), query)
				return
			}
			refused(t, err, test.says)
			require.Nil(t, query)
		})
	}
}

func TestBool(t *testing.T) {
	for raw, want := range map[string]struct{ value, given bool }{
		"s3://b": {}, "s3://b?age=true": {true, true}, "s3://b?age=1": {true, true}, "s3://b?age=false": {false, true},
	} {
		u := parse(t, raw)
		value, given, err := storeurl.Bool(u, u.Query(), "age")
		require.NoError(t, err)
		require.Equal(t, want, struct{ value, given bool }{value, given}, raw)
	}
	u := parse(t, "s3://b?age=SECRET")
	_, _, err := storeurl.Bool(u, u.Query(), "age")
	refused(t, err, `"s3://b?age=...": age is true or false: write it as age=true`)
}

func TestChoice(t *testing.T) {
	for raw, want := range map[string][]string{"s3://b": nil, "s3://b?age=true": {"with"}, "s3://b?age=false": {"without"}} {
		u := parse(t, raw)
		got, err := storeurl.Choice(u, u.Query(), "age", "with", "without")
		require.NoError(t, err)
		require.Equal(t, want, got, raw)
	}
	u := parse(t, "s3://b?age=SECRET")
	_, err := storeurl.Choice(u, u.Query(), "age", "with", "without")
	refused(t, err, `"s3://b?age=...": age is true or false: write it as age=true`)
}

func TestEndpoint(t *testing.T) {
	for _, endpoint := range []string{"", "http://127.0.0.1:9000", "https://minio.example.com/", "https://gateway.example.com/storage/v1/s3", "http://[::1]:9000"} {
		u := parse(t, "s3://b?endpoint="+url.QueryEscape(endpoint))
		got, err := storeurl.Endpoint(u, u.Query())
		require.NoError(t, err)
		require.Equal(t, endpoint, got)
	}
	for _, endpoint := range []string{
		"https://user:SECRET@host", "https://SECRET@host", "https://host?SECRET", "https://host?", "https://host#SECRET", "ftp://SECRET",
		"SECRET", "127.0.0.1:9000", "http:SECRET", "http://", "http://:9000", "http:///SECRET", "https://user:123456", "http://user:12/SECRET@host", "http://%zzSECRET",
	} {
		u := parse(t, "s3://b?endpoint="+url.QueryEscape(endpoint))
		_, err := storeurl.Endpoint(u, u.Query())
		refused(t, err, `"s3://b?endpoint=...": endpoint is the address of a server`)
	}
}

// A place that is written as a URL is read as the same one.
func TestPlaceIn(t *testing.T) {
	for prefix, want := range map[string]string{
		"": "gs://b", "a/": "gs://b/a", "a/b c/": "gs://b/a/b%20c", "?#%/": "gs://b/%3F%23%25", "me@here/": "gs://b/me%40here",
		"a": "gs://b?prefix=a", "/": "gs://b?prefix=/", "/a/": "gs://b?prefix=/a/", "a//": "gs://b?prefix=a//",
		"a:b@c/": "gs://b?prefix=a:b%40c/", "a b&c=": "gs://b?prefix=a+b%26c%3D",
	} {
		place := storeurl.PlaceIn("gs", "b", "", prefix, nil)
		require.Equal(t, want, place)
		u := parse(t, place)
		query, err := storeurl.Query(u, "prefix")
		require.NoError(t, err, place)
		folder := strings.Trim(u.Path, "/")
		if folder != "" {
			folder += "/"
		}
		require.Equal(t, prefix, folder+query.Get("prefix"))
	}
	require.Equal(t, "s3://b/a?endpoint=http://127.0.0.1:9000", storeurl.PlaceIn("s3", "b", "", "a/", map[string]string{"endpoint": "http://127.0.0.1:9000", "region": ""}))
}
