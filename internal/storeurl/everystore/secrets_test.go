package everystore

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/storeurl/urltest"
	"github.com/cloudlease/leader/lease"
)

// knownKeys are the keys of a scheme's query, as the error of an unknown one tells them.
func knownKeys(t *testing.T, place string) []string {
	t.Helper()
	_, err := lease.Open(t.Context(), place+"?nosuchkey=1")
	require.Error(t, err)
	known := regexp.MustCompile(`knows: (.*)$`).FindStringSubmatch(err.Error())
	if known == nil {
		return nil
	}
	return strings.Split(known[1], ", ")
}

// Wherever a secret is in a store URL, no error of Open repeats it.
func TestOpenShowsNoSecret(t *testing.T) {
	for scheme, place := range urltest.Places {
		keys := knownKeys(t, place)
		require.Equal(t, slices.Contains([]string{"dynamodb", "file", "gs", "s3"}, scheme), slices.Contains(keys, "age"), scheme)
		for _, url := range urltest.URLs(scheme, keys) {
			m, err := lease.Open(t.Context(), url)
			if err == nil {
				require.NoError(t, lease.Close(m))
				continue
			}
			require.ErrorIs(t, err, lease.ErrMisconfigured, url)
			require.False(t, urltest.Shows(err.Error()), "%s: %v", url, err)
		}
	}
	for _, url := range urltest.Pasted {
		_, err := lease.Open(t.Context(), url)
		require.ErrorIs(t, err, lease.ErrMisconfigured, url)
		require.False(t, urltest.Shows(err.Error()), "%s: %v", url, err)
	}
}

// What a cloud shows as the address of a bucket is answered with how to write it.
func TestOpenAdvises(t *testing.T) {
	for url, form := range map[string]string{
		"https://bucket.s3.eu-west-1.amazonaws.com/key?X-Amz-Signature=1":  "s3://bucket/folder",
		"s3://bucket.s3.eu-west-1.amazonaws.com/key?X-Amz-Signature=1":     "s3://bucket/folder",
		"https://storage.googleapis.com/bucket/key?X-Goog-Signature=1":     "gs://bucket/folder",
		"gs://storage.googleapis.com/bucket/key?X-Goog-Signature=1":        "gs://bucket/folder",
		"https://account.blob.core.windows.net/container?sig=1":            "azblob://account/container/folder",
		"azblob://account.blob.core.windows.net/container?sv=1&sig=1":      "azblob://account/container/folder",
		"https://dynamodb.eu-west-1.amazonaws.com":                         "dynamodb://table?region=eu-west-1",
		"dynamodb://dynamodb.eu-west-1.amazonaws.com?X-Amz-Credential=1":   "dynamodb://table?region=eu-west-1",
		"azblob://account.blob.core.usgovcloudapi.net/container?sig=1":     "azblob://account/container/folder",
		"s3://s3.dualstack.eu-west-1.amazonaws.com/bucket?X-Amz-Expires=1": "s3://bucket/folder",
	} {
		_, err := lease.Open(t.Context(), url)
		require.ErrorIs(t, err, lease.ErrMisconfigured, url)
		require.ErrorContains(t, err, "write the place as "+form, url)
	}
}
