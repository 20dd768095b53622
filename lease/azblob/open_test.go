package azblob

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/lease"
)

const (
	someKey = "AccountKey=c2VjcmV0"
	azurite = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;" + someKey + ";BlobEndpoint=http://127.0.0.1:1/devstoreaccount1;"
	account = "DefaultEndpointsProtocol=https;AccountName=orders1;" + someKey + ";EndpointSuffix=core.usgovcloudapi.net"
	shared  = "BlobEndpoint=https://orders1.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=c2VjcmV0"
)

func TestOpenURL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		url, connection string
		where           string // empty: refused
		says            string
	}{
		{url: "azblob://orders1/leases", where: "https://orders1.blob.core.windows.net/leases, prefix \"\""},
		{url: "azblob://orders1/leases/", where: "https://orders1.blob.core.windows.net/leases, prefix \"\""},
		{url: "azblob://orders1/leases/a/b", where: "https://orders1.blob.core.windows.net/leases, prefix \"a/b/\""},
		{url: "azblob://orders1/leases/a%20b/", where: "https://orders1.blob.core.windows.net/leases, prefix \"a b/\""},
		{url: "azblob://orders1/leases?create=true", where: "https://orders1.blob.core.windows.net/leases, prefix \"\", create"},
		{url: "azblob://orders1/leases?create=false", where: "https://orders1.blob.core.windows.net/leases, prefix \"\""},
		{url: "azblob://orders1/$root", where: "https://orders1.blob.core.windows.net/$root, prefix \"\""},
		{url: "azblob:///leases/x", connection: azurite, where: "http://127.0.0.1:1/devstoreaccount1/leases, prefix \"x/\""},
		{url: "azblob://devstoreaccount1/leases", connection: azurite, where: "http://127.0.0.1:1/devstoreaccount1/leases, prefix \"\""},
		{url: "azblob://orders1/leases", connection: account, where: "https://orders1.blob.core.usgovcloudapi.net/leases, prefix \"\""},
		{url: "azblob://orders1/leases", connection: shared, where: "https://orders1.blob.core.windows.net/leases, prefix \"\""},
		{url: "azblob://orders2/leases", connection: account, says: `is for the account "orders1"`},
		{url: "azblob://orders2/leases", connection: shared, says: `is for the account "orders1"`},
		{url: "azblob://orders1/leases", connection: "nonsense c2VjcmV0", says: "not a connection string"},
		{url: "azblob://orders1/leases", connection: "AccountName=orders1;AccountKey=!c2VjcmV0", says: "not a connection string"},
		{url: "azblob:///leases", says: "names no account"},
		{url: "azblob://orders1", says: "names no container"},
		{url: "azblob://orders1/", says: "names no container"},
		{url: "azblob://orders1//x", says: "names no container"},
		{url: "azblob://orders1.evil.example/leases", says: "not the name of a storage account"},
		{url: "azblob://orders1:443/leases", says: "not the name of a storage account"},
		{url: "azblob://user:c2VjcmV0@orders1/leases", says: "more than an account"},
		{url: "azblob:orders1/leases", says: "more than an account"},
		{url: "azblob://orders1/leases#x", says: "more than an account"},
		{url: "azblob://orders1/leases/a//b", says: "empty part"},
		{url: "azblob://orders1/leases/a./b", says: "ends in a dot"},
		{url: "azblob://orders1/leases/" + strings.Repeat("a", 259), says: "longer than 259 bytes"},
		{url: "azblob://orders1/leases?region=x", says: "knows create"},
		{url: "azblob://orders1/leases?create=maybe", says: `not "maybe"`},
	} {
		t.Run(test.url+" "+test.connection, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(test.url)
			require.NoError(t, err)
			opened, err := open(u, test.connection)
			if test.where == "" {
				require.ErrorIs(t, err, lease.ErrMisconfigured)
				require.ErrorContains(t, err, test.says)
				require.NotContains(t, err.Error(), "c2VjcmV0")
				return
			}
			require.NoError(t, err)
			m := opened.(*manager)
			got := strings.TrimPrefix(m.String(), "azblob:") + `, prefix "` + m.prefix + `"`
			if m.create {
				got += ", create"
			}
			assert.Equal(t, test.where, strings.ReplaceAll(got, "%24", "$"))
		})
	}
}

// The whole way, from the environment.
func TestOpen(t *testing.T) {
	t.Parallel()
	emulator.Need(t, emulator.Azure)
	where := "azblob:///" + emulator.Name(t) + "/folder"
	_, err := lease.Open(t.Context(), where+"?creat=true")
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	m, err := lease.Open(t.Context(), where+"?create=true")
	require.NoError(t, err)
	held := acquire(t, m, "a/b", "one")
	blobs := m.(*manager).container.NewListBlobsFlatPager(nil)
	page, err := blobs.NextPage(t.Context())
	require.NoError(t, err)
	require.Len(t, page.Segment.BlobItems, 1)
	assert.Equal(t, "folder/a%2Fb", *page.Segment.BlobItems[0].Name)
	require.NoError(t, m.Release(t.Context(), held))
	_, err = m.(*manager).container.Delete(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, lease.Close(m))
}
