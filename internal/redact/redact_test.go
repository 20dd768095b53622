package redact_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/redact"
)

// Where people write a secret, and where they mean to.
func TestURL(t *testing.T) {
	for raw, shown := range map[string]string{
		"file:///var/lib/leases":                  "file:///var/lib/leases",
		"file:///home/me@example.com/leases":      "file:///home/me@example.com/leases",
		"file:state/leases":                       "file:state/leases",
		"file:me@example.com":                     "file:me@example.com",
		"file:///C:/ProgramData/leader":           "file:///C:/ProgramData/leader",
		"file:///C:/Users/me@example.com":         "file:///C:/Users/me@example.com",
		"file:C:/Users/me@example.com":            "file:C:/Users/me@example.com",
		"s3://bucket/an%40sign":                   "s3://bucket/an%40sign",
		"mem:":                                    "mem:",
		"mem:?size=1":                             "mem:?size=...",
		"s3://bucket/folder":                      "s3://bucket/folder",
		"s3://bucket/a%20folder%2Fb":              "s3://bucket/a%20folder%2Fb",
		"azblob:///container":                     "azblob:///container",
		"azblob:///$root/a%3Db":                   "azblob:///$root/a%3Db",
		"s3://bucket/dt=2026/a&b;c":               "s3:...",
		"s3://bucket/dt=2026":                     "s3://bucket/dt=2026",
		"s3://bucket/a&b;c%3F":                    "s3://bucket/a&b;c%3F",
		"http://127.0.0.1:8080/healthz?key=1":     "http://127.0.0.1:8080/healthz?key=...",
		"dynamodb://leases?region=eu-west-1":      "dynamodb://leases?region=eu-west-1",
		"dynamodb://leases?region=us-gov-west-1":  "dynamodb://leases?region=us-gov-west-1",
		"dynamodb://leases?region=a&region=b&x=1": "dynamodb://leases?region=...&x=...",
		"s3://bucket?path_style=true&age=false":   "s3://bucket?path_style=true&age=false",

		"s3://bucket?region=SECRET":                             "s3://bucket?region=...",
		"s3://bucket?age=SECRET&path_style=trueSECRET":          "s3://bucket?age=...&path_style=...",
		"s3://bucket?endpoint=https%3A%2F%2Fu%3ASECRET%40host":  "s3://bucket?endpoint=...",
		"s3://bucket?endpoint=https://u:SECRET@host":            "s3:...",
		"s3://bucket?endpoint=https://u:a&SECRET=b@host":        "s3:...",
		"s3://user:SECRET@bucket/folder":                        "s3:...",
		"s3://SECRET@bucket/folder":                             "s3:...",
		"s3://SECRET/SECRET@bucket/folder":                      "s3:...",
		"s3://bucket:123456789":                                 "s3://bucket:...",
		"s3://bucket:1234":                                      "s3://bucket:...",
		"https://user:123456789":                                "https://user:...",
		"s3:user:SECRET@bucket":                                 "s3:...",
		"s3:/user:SECRET@bucket":                                "s3:...",
		"s3:///user:SECRET@bucket":                              "s3:...",
		"s3:///user%3ASECRET%40bucket":                          "s3:...",
		"file:user:SECRET@place":                                "file:...",
		"file:user%3ASECRET%40place":                            "file:...",
		"azblob:SECRET":                                         "azblob:...",
		"gs://user:12/SECRET@place":                             "gs:...",
		"gs://user:?SECRET@place":                               "gs:...",
		"gs://user:#SECRET@place":                               "gs:...",
		"azblob://account/container?sv=1&sig=SECRET":            "azblob://account/container?sv=...&sig=...",
		"s3://bucket?SECRET":                                    "s3://bucket?...",
		"s3://bucket?SECRET=":                                   "s3://bucket?...",
		"s3://bucket?SECRET==":                                  "s3://bucket?...",
		"s3://bucket?SECRET%2Fkey=1":                            "s3://bucket?...",
		"s3://bucket/folder#SECRET":                             "s3://bucket/folder",
		"https://b.s3.amazonaws.com/k?X-Amz-Signature=SECRET":   "https://b.s3.amazonaws.com/k?X-Amz-Signature=...",
		"SECRET/SECRET":                                         "...",
		"?sv=1&sig=SECRET":                                      "...",
		"//user:SECRET@place":                                   "...",
		"AccountName=x;AccountKey=SECRET==;EndpointSuffix=y":    "...",
		"azblob:///AccountName=x;AccountKey=SECRET;Suffix=y/c":  "azblob:...",
		"azblob:///AccountKey=SECRET":                           "azblob:...",
		"azblob:///AccountKey%3DSECRET":                         "azblob:...",
		"azblob://account/container&sv=1&sig=SECRET":            "azblob:...",
		"azblob://account/container%3Fsv=1&sig=SECRET":          "azblob:...",
		"azblob://account/c;SharedAccessSignature=sig%3DSECRET": "azblob:...",
		"s3:///AKIA:SECRET":                                     "s3:...",
		"azblob://AccountName=x;AccountKey=SECRET;Suffix=y/c":   "azblob:...",
		"AccountName=x;AccountKey=SECRET;BlobEndpoint=http://x": "...",
		"s3://user:%zzSECRET@bucket":                            "...",
		"s3://user:SECRET":                                      "...",
	} {
		require.Equal(t, shown, redact.Text(raw), raw)
		require.NotContains(t, shown, "SECRET")
	}
	require.Equal(t, "...", redact.URL(nil))
}

func TestHasKey(t *testing.T) {
	for raw, has := range map[string]bool{
		"": false, "key": false, "key=": false, "key==": false, "%6Bey=1": false, "keys=1": false, "key=1": true, "a=1&key=2": true,
	} {
		require.Equal(t, has, redact.HasKey(raw, "key"), raw)
	}
}

func TestCloud(t *testing.T) {
	for host, form := range map[string]string{
		"s3.amazonaws.com":                            "s3://",
		"bucket.s3.eu-west-1.amazonaws.com":           "s3://",
		"bucket.s3-eu-west-1.amazonaws.com":           "s3://",
		"bucket.s3.dualstack.eu-west-1.amazonaws.com": "s3://",
		"bucket.s3.cn-north-1.amazonaws.com.cn":       "s3://",
		"bucket.s3.eusc-de-east-1.amazonaws.eu":       "s3://",
		"dynamodb.eu-west-1.amazonaws.com":            "dynamodb://",
		"dynamodb.eu-west-1.api.aws":                  "dynamodb://",
		"123456789012.ddb.eu-west-1.amazonaws.com":    "dynamodb://",
		"storage.googleapis.com":                      "gs://",
		"bucket.storage.googleapis.com":               "gs://",
		"storage.cloud.google.com":                    "gs://",
		"account.blob.core.windows.net":               "azblob://",
		"ACCOUNT.blob.core.windows.net":               "azblob://",
		"account.dfs.core.windows.net":                "azblob://",
		"account.blob.core.usgovcloudapi.net":         "azblob://",
		"account.z12.blob.storage.azure.net":          "azblob://",
	} {
		why, advice := redact.Cloud(host)
		require.NotEmpty(t, why, host)
		require.Contains(t, advice, form, host)
		require.True(t, redact.IsCloud(host), host)
	}
	for _, host := range []string{
		"", "bucket", "amazonaws.com", "s3.example.com", "my-s3.amazonaws.com", "blob.core.windows.net.example.com", "sqs.eu-west-1.amazonaws.com",
	} {
		require.False(t, redact.IsCloud(host), host)
	}
}

// Whatever a secret is put into but the place, it is not shown.
func FuzzURL(f *testing.F) {
	const secret = "q7SECRETq7"
	for _, around := range [][2]string{{"s3://user:", "@b"}, {"s3://b?x=", ""}, {"s3:", ""}, {"s3://b?", ""}, {"s3://b#", ""}, {"gs://a:1/", "@b"}, {"", ""}} {
		f.Add(around[0], around[1])
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		u, err := url.Parse(before + secret + after)
		if err != nil {
			require.Equal(t, "...", redact.Text(before+secret+after))
			return
		}
		place := u.Scheme != "" && strings.Contains(fmt.Sprint(u.Host, u.Path), secret) || u.Scheme == "file"
		key := strings.Contains(after, "=") // the secret would have to be a key
		if shown := redact.URL(u); strings.Contains(shown, secret) && !place && !key && !strings.Contains(u.Scheme, strings.ToLower(secret)) {
			t.Errorf("%q is shown as %q", u, shown)
		}
	})
}
