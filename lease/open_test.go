package lease_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// opened is the URL that the scheme "opened" was last asked for.
var opened *url.URL

func init() {
	lease.Register("opened", func(_ context.Context, u *url.URL) (lease.Manager, error) {
		opened = u
		return memory.New(), nil
	})
}

func TestOpen(t *testing.T) {
	m, err := lease.Open(t.Context(), "mem:")
	require.NoError(t, err)
	require.IsType(t, &memory.Manager{}, m)
	require.NoError(t, lease.Close(m))

	const raw = "opened://user:secret@place/path?region=eu-west-1"
	_, err = lease.Open(t.Context(), raw)
	require.NoError(t, err)
	require.Equal(t, raw, opened.String(), "its opener gets all of it")
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct{ url, says string }{
		{"nosuch://place?x=secret", `store URL "nosuch://place?x=...": its scheme is unknown; imported here are: mem, opened: `},
		{"nosuch://user:secret@place", `"nosuch:...": its scheme is unknown`},
		{"", "the store URL is empty: name a store"},
		{"leases", "its scheme is unknown"},
		{"AccountName=x;AccountKey=secret", `store URL "...": its scheme is unknown`},
		{"dynamodb://leases?region=eu-west-1", `import _ "github.com/cloudlease/leader/lease/dynamodb" to open it`},
		{"gs://user:secret@bucket", `"gs:...": its package is not imported: import _ "github.com/cloudlease/leader/lease/gcs"`},
		{"azblob://container", `"github.com/cloudlease/leader/lease/azblob/byurl"`},
		{"s3://bucket", `"github.com/cloudlease/leader/lease/s3"`},
		{"file:///var/lib/leader", `"github.com/cloudlease/leader/lease/file"`},
		{"opened://user:secret@place\x7f", "not a store URL"},
		{"://user:secret@place", "not a store URL"},
		{"mem://place", `store URL "mem://place": memory has no places to name: use mem: alone`},
		{"mem:?size=1", `the key "size" is unknown`},
		{"https://bucket.s3.eu-west-1.amazonaws.com/key?X-Amz-Signature=secret", "write the place as s3://bucket/folder?region=eu-west-1, and give the credentials"},
		{"https://account.blob.core.windows.net/container?sig=secret", "write the place as azblob://account/container/folder"},
	}
	for _, test := range tests {
		t.Run(test.url, func(t *testing.T) {
			m, err := lease.Open(t.Context(), test.url)
			require.ErrorIs(t, err, lease.ErrMisconfigured)
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "secret")
			require.Nil(t, m)
		})
	}
}

func TestRegisterTwice(t *testing.T) {
	open := func(context.Context, *url.URL) (lease.Manager, error) { return nil, nil }
	require.PanicsWithValue(t, `lease: Register("mem"): registered twice, or without an Opener`, func() { lease.Register("mem", open) })
	require.Panics(t, func() { lease.Register("nothing", nil) })
	for _, scheme := range []string{"", "Mine", "mY", "1st", "my_store", "my:", "my://", "a b", "é"} {
		require.Panics(t, func() { lease.Register(scheme, open) }, "%q can never be opened", scheme)
	}
	_, err := lease.Open(t.Context(), "nothing:")
	require.ErrorIs(t, err, lease.ErrMisconfigured)
}
