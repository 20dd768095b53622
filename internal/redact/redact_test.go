package redact_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/redact"
)

func TestURL(t *testing.T) {
	for raw, shown := range map[string]string{
		"file:///var/lib/leases":                               "file:///var/lib/leases",
		"mem:":                                                 "mem:",
		"s3://bucket/folder":                                   "s3://bucket/folder",
		"s3://bucket/an@sign":                                  "s3://bucket/an@sign",
		"dynamodb://leases?region=eu-west-1":                   "dynamodb://leases?region=eu-west-1",
		"dynamodb://leases?region=us-gov-west-1":               "dynamodb://leases?region=us-gov-west-1",
		"s3://bucket?path_style=true&age=false":                "s3://bucket?path_style=true&age=false",
		"s3://bucket?region=SECRET":                            "s3://bucket?region=...",
		"s3://bucket?endpoint=https%3A%2F%2Fu%3ASECRET%40host": "s3://bucket?endpoint=...",
		"s3://user:SECRET@bucket/folder":                       "s3:...",
		"s3://SECRET@bucket/folder":                            "s3:...",
		"s3:user:SECRET@bucket":                                "s3:...",
		"azblob:SECRET":                                        "azblob:...",
		"gs://user:12/SECRET@place":                            "gs:...",
		"azblob://account/container?sv=1&sig=SECRET":           "azblob://account/container?sv=...&sig=...",
		"s3://bucket?SECRET":                                   "s3://bucket?...",
		"s3://bucket?SECRET%2Fkey=1":                           "s3://bucket?...",
		"s3://bucket/folder#SECRET":                            "s3://bucket/folder",
		"https://b.s3.amazonaws.com/k?X-Amz-Signature=SECRET":  "https://b.s3.amazonaws.com/k?X-Amz-Signature=...",
	} {
		u, err := url.Parse(raw)
		require.NoError(t, err)
		require.Equal(t, shown, redact.URL(u), raw)
		require.Equal(t, shown, redact.Text(raw), raw)
		require.NotContains(t, strings.Join(redact.Keys(u.RawQuery), " "), "SECRET", raw)
	}
	require.Equal(t, "...", redact.Text("s3://user:%zzSECRET@bucket"))
}

func TestAdvice(t *testing.T) {
	for host, form := range map[string]string{
		"s3.amazonaws.com":                      "s3://",
		"bucket.s3.eu-west-1.amazonaws.com":     "s3://",
		"bucket.s3-eu-west-1.amazonaws.com":     "s3://",
		"bucket.s3.cn-north-1.amazonaws.com.cn": "s3://",
		"dynamodb.eu-west-1.amazonaws.com":      "dynamodb://",
		"storage.googleapis.com":                "gs://",
		"bucket.storage.googleapis.com":         "gs://",
		"storage.cloud.google.com":              "gs://",
		"account.blob.core.windows.net":         "azblob://",
		"ACCOUNT.blob.core.windows.net":         "azblob://",
		"account.blob.core.usgovcloudapi.net":   "azblob://",
		"account.z12.blob.storage.azure.net":    "azblob://",
	} {
		require.Contains(t, redact.Advice(host), form, host)
	}
	for _, host := range []string{"", "bucket", "amazonaws.com", "s3.example.com", "blob.core.windows.net.example.com"} {
		require.Empty(t, redact.Advice(host), host)
	}
}

// Whatever a secret is put into, it is not shown.
func FuzzURL(f *testing.F) {
	const secret = "q7SECRETq7"
	for _, around := range [][2]string{{"s3://user:", "@b"}, {"s3://b?x=", ""}, {"s3:", ""}, {"s3://b?", ""}, {"s3://b#", ""}, {"gs://a:1/", "@b"}} {
		f.Add(around[0], around[1])
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		u, err := url.Parse(before + secret + after)
		if err != nil || strings.Contains(fmt.Sprint(u.Host, u.Path), secret) && u.User == nil && u.Opaque == "" {
			return // in the place itself, which is what an error has to name
		}
		if shown := redact.URL(u); strings.Contains(shown, secret) && !strings.Contains(u.Scheme, strings.ToLower(secret)) {
			t.Errorf("%q is shown as %q", u, shown)
		}
	})
}
