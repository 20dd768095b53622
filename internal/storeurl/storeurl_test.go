package storeurl_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

func TestQuery(t *testing.T) {
	tests := []struct {
		url   string
		known []string
		says  string // in the error; empty: it can be read
	}{
		{"s3://bucket", nil, ""},
		{"s3://bucket?", []string{"region"}, ""},
		{"s3://bucket?region=eu-west-1&prefix=a%2Fb", []string{"prefix", "region"}, ""},
		{"s3://bucket?region=", []string{"region"}, ""},
		{"s3://bucket?regoin=eu-west-1", []string{"prefix", "region"}, `the key "regoin" is unknown; s3: knows prefix, region`},
		{"s3://bucket?Region=eu-west-1", []string{"region"}, `the key "Region" is unknown; s3: knows region`},
		{"mem:?size=1", nil, `store URL "mem:": the key "size" is unknown; mem: has none`},
		{"s3://bucket?region=a&region=a", []string{"region"}, `the key "region" is there 2 times`},
		{"s3://bucket?region=%zz", []string{"region"}, `store URL "s3://bucket": its query cannot be read: write it as`},
		{"s3://bucket?region=a;prefix=b", []string{"prefix", "region"}, "its query cannot be read"},
		{"s3://user:secret@bucket?x=1", []string{"region"}, `"s3://user:xxxxx@bucket": the key "x" is unknown`},
		{"s3://user:secret@bucket?x=%zz", []string{"region"}, `"s3://user:xxxxx@bucket": its query`},
		{"s3://user:secret@bucket?region=a&region=b", []string{"region"}, `"s3://user:xxxxx@bucket": the key "region" is there 2 times`},
		{"azblob://account/container?sp=r&sig=secret", []string{"create"}, `"azblob://account/container": the key "sig" is unknown`},
	}
	for _, test := range tests {
		t.Run(test.url, func(t *testing.T) {
			u, err := url.Parse(test.url)
			require.NoError(t, err)
			query, err := storeurl.Query(u, test.known...)
			if test.says == "" {
				require.NoError(t, err)
				require.Equal(t, u.Query(), query)
				return
			}
			require.ErrorIs(t, err, lease.ErrMisconfigured)
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "secret")
			require.Nil(t, query)
		})
	}
}
