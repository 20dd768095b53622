package azblob

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/errtest"
	"github.com/cloudlease/leader/internal/wire"
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
		where           string // the container's URL and what else; empty: refused
		says            string
	}{
		{url: "azblob://orders1/leases", where: "https://orders1.blob.core.windows.net/leases, prefix \"\""},
		{url: "azblob://orders1/leases/", where: "https://orders1.blob.core.windows.net/leases, prefix \"\""},
		{url: "azblob://orders1/leases/a/b", where: "https://orders1.blob.core.windows.net/leases, prefix \"a/b/\""},
		{url: "azblob://orders1/leases/a%20b/", where: "https://orders1.blob.core.windows.net/leases, prefix \"a b/\""},
		{url: "azblob://orders1/leases?create=true", where: "https://orders1.blob.core.windows.net/leases, prefix \"\", create"},
		{url: "azblob://orders1/leases?create=false", where: "https://orders1.blob.core.windows.net/leases, prefix \"\""},
		{url: "azblob://orders1/$root", where: "https://orders1.blob.core.windows.net/$root, prefix \"\""},
		{url: "azblob://orders1/leases?suffix=core.usgovcloudapi.net", where: "https://orders1.blob.core.usgovcloudapi.net/leases, prefix \"\""},
		{url: "azblob://orders1/leases/x?suffix=core.chinacloudapi.cn&create=1", where: "https://orders1.blob.core.chinacloudapi.cn/leases, prefix \"x/\", create"},
		{url: "azblob://orders1/leases?endpoint=https%3A%2F%2Forders1.z12.blob.storage.azure.net", where: "https://orders1.z12.blob.storage.azure.net/leases, prefix \"\""},
		{url: "azblob:///leases?endpoint=https%3A%2F%2Forders1.z12.blob.storage.azure.net%2F", where: "https://orders1.z12.blob.storage.azure.net/leases, prefix \"\""},
		{url: "azblob://orders1/leases?endpoint=https%3A%2F%2Fblobs.example.com", where: "https://blobs.example.com/leases, prefix \"\""},
		{url: "azblob:///leases/x", connection: azurite, where: "http://127.0.0.1:1/devstoreaccount1/leases, prefix \"x/\""},
		{url: "azblob://devstoreaccount1/leases", connection: azurite, where: "http://127.0.0.1:1/devstoreaccount1/leases, prefix \"\""},
		{url: "azblob:///leases", connection: "UseDevelopmentStorage=true", where: "http://127.0.0.1:10000/devstoreaccount1/leases, prefix \"\""},
		{url: "azblob://devstoreaccount1/leases", connection: "usedevelopmentstorage=True;", where: "http://127.0.0.1:10000/devstoreaccount1/leases, prefix \"\""},
		{url: "azblob:///leases", connection: "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://azurite", where: "http://azurite:10000/devstoreaccount1/leases, prefix \"\""},
		{url: "azblob:///leases", connection: "UseDevelopmentStorage=true;BlobEndpoint=http://127.0.0.1:9/devstoreaccount1", where: "http://127.0.0.1:9/devstoreaccount1/leases, prefix \"\""},
		{url: "azblob://orders1/leases", connection: "UseDevelopmentStorage=true", says: "for another account"},
		{url: "azblob://orders1/leases", connection: account, where: "https://orders1.blob.core.usgovcloudapi.net/leases, prefix \"\""},
		{url: "azblob://orders1/leases?suffix=core.usgovcloudapi.net", connection: account, where: "https://orders1.blob.core.usgovcloudapi.net/leases, prefix \"\""},
		{url: "azblob://orders1/leases?suffix=core.windows.net", connection: account, says: "the account is elsewhere"},
		{url: "azblob://orders1/leases", connection: shared, where: "https://orders1.blob.core.windows.net/leases, prefix \"\""},
		{url: "azblob://orders1/leases", connection: strings.Replace(shared, "sv=", "?sv=", 1), where: "https://orders1.blob.core.windows.net/leases, prefix \"\""},
		{url: "azblob:///leases", connection: strings.Replace(shared, "orders1.blob.core.windows.net", "blobs.example.com", 1), where: "https://blobs.example.com/leases, prefix \"\""},
		{url: "azblob://orders1/leases", connection: "AccountName=orders1;SharedAccessSignature=sv=1&sig=c2VjcmV0", where: "https://orders1.blob.core.windows.net/leases, prefix \"\""},
		{url: "azblob://orders1/leases", connection: "BlobEndpoint=http://127.0.0.1:1/orders1;SharedAccessSignature=sv=1&sig=c2VjcmV0", where: "http://127.0.0.1:1/orders1/leases, prefix \"\""},
		{url: "azblob://orders2/leases", connection: "BlobEndpoint=http://127.0.0.1:1/orders1;SharedAccessSignature=sv=1&sig=c2VjcmV0", says: "for another account"},
		{url: "azblob://orders2/leases", connection: account, says: "for another account"},
		{url: "azblob://orders2/leases", connection: shared, says: "for another account"},
		{url: "azblob://orders1/leases", connection: strings.Replace(shared, "orders1", "orders1-secondary", 1), says: "secondary"},
		{url: "azblob://orders1/leases", connection: "nonsense c2VjcmV0", says: "not a connection string"},
		{url: "azblob://orders1/leases", connection: "AccountName=orders1;AccountKey=!c2VjcmV0", says: "not a connection string"},
		{url: "azblob://orders1/leases", connection: "AccountName=c2VjcmV0;" + someKey, says: "for another account"},
		{url: "azblob:///leases", says: "names no account"},
		{url: "azblob://orders1/ab", says: "does not begin with the name of a container, which is 3 to 63"},
		{url: "azblob://orders1/Leases/x", says: "does not begin with the name of a container"},
		{url: "azblob://orders1/leases&sv=2024-11-04&sig=c2VjcmV0", says: "does not begin with the name of a container"},
		{url: "azblob://orders1", says: "names no container"},
		{url: "azblob://orders1/", says: "names no container"},
		{url: "azblob://orders1//x", says: "names no container"},
		{url: "azblob://orders1.evil.example/leases", says: "not the name of a storage account"},
		{url: "azblob://orders1:443/leases", says: "not the name of a storage account"},
		{url: "azblob://orders1.blob.core.windows.net/leases", says: "the place as azblob://account/container/folder"},
		{url: "azblob://orders1.blob.core.windows.net/leases?sv=2025&sig=c2VjcmV0", says: "the place as azblob://account/container/folder"},
		{url: "azblob://user:c2VjcmV0@orders1/leases", says: "more than an account"},
		{url: "azblob:orders1:c2VjcmV0", says: "more than an account"},
		{url: "azblob://orders1/leases#c2VjcmV0", says: "more than an account"},
		{url: "azblob://orders1/leases/a//b", says: "empty part"},
		{url: "azblob://orders1/leases/a./b", says: "ends in a dot"},
		{url: "azblob://orders1/leases/user:c2VjcmV0@x//b", says: "empty part"},
		{url: "azblob://orders1/leases/" + strings.Repeat("a", 259), says: "longer than 259 bytes"},
		{url: "azblob://orders1/leases?region=x", says: "knows: create, suffix, endpoint, prefix"},
		{url: "azblob://orders1/leases?sig=c2VjcmV0", says: "is unknown"},
		{url: "azblob://orders1/leases?create=c2VjcmV0", says: "create is true or false"},
		{url: "azblob://orders1/leases?suffix=c2VjcmV0%2F", says: "its suffix is none"},
		{url: "azblob:///leases?suffix=core.windows.net", says: "names no account"},
		{url: "azblob://orders1/leases?suffix=core.windows.net&endpoint=https%3A%2F%2Fx", says: "an endpoint and a suffix"},
		{url: "azblob://orders1/leases?endpoint=https%3A%2F%2Fu%3Ac2VjcmV0%40x", says: "endpoint is the address of a server"},
		{url: "azblob://orders1/leases?endpoint=https%3A%2F%2Forders2.blob.core.windows.net", says: "another account's"},
		{url: "azblob://orders1/leases?endpoint=https%3A%2F%2Forders1-secondary.blob.core.windows.net", says: "secondary"},
		{url: "azblob://orders1/leases?endpoint=http%3A%2F%2F127.0.0.1%3A1%2Forders1", says: "not https"},
	} {
		t.Run(test.url+" "+test.connection, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(test.url)
			require.NoError(t, err)
			opened, err := open(u, test.connection, defaultCredential)
			if test.where == "" {
				require.ErrorIs(t, err, lease.ErrMisconfigured)
				require.ErrorContains(t, err, test.says)
				errtest.Advice(t, err)
				require.NotContains(t, err.Error(), "c2VjcmV0")
				return
			}
			require.NoError(t, err)
			m := opened.(*manager)
			where, _, _ := strings.Cut(m.container.URL(), "?")
			got := where + `, prefix "` + m.prefix + `"`
			if m.create {
				got += ", create"
			}
			assert.Equal(t, test.where, strings.ReplaceAll(got, "%24", "$"))
			assert.NotContains(t, m.String(), "c2VjcmV0")
			require.NoError(t, lease.Close(m))
		})
	}
}

// A manager's name is the URL that Open takes for its place.
func TestString(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ container, prefix, want string }{
		{"https://orders1.blob.core.windows.net/leases", "", "azblob://orders1/leases"},
		{"https://orders1.blob.core.windows.net/leases?sv=1&sig=c2VjcmV0", "", "azblob://orders1/leases"},
		{"https://orders1.blob.core.windows.net/leases", "a b/c/", "azblob://orders1/leases/a%20b/c"},
		{"https://orders1.blob.core.windows.net/$root", "", "azblob://orders1/$root"},
		{"https://orders1.blob.core.usgovcloudapi.net/leases", "x/", "azblob://orders1/leases/x?suffix=core.usgovcloudapi.net"},
		{"https://orders1.z12.blob.storage.azure.net/leases", "", "azblob://orders1/leases?endpoint=https://orders1.z12.blob.storage.azure.net"},
		{"https://orders1.blob.core.windows.net/leases", "x-", "azblob://orders1/leases?prefix=x-"},
		{"https://orders1-secondary.blob.core.windows.net/leases", "", "azblob://orders1/leases?endpoint=https://orders1-secondary.blob.core.windows.net"},
		{"https://blobs.example.com/leases?sig=c2VjcmV0", "", "azblob:///leases?endpoint=https://blobs.example.com"},
		{"http://127.0.0.1:10000/devstoreaccount1/leases", "x/", "azblob://devstoreaccount1/leases/x?endpoint=http://127.0.0.1:10000/devstoreaccount1"},
		{"http://user:c2VjcmV0@127.0.0.1:10000/devstoreaccount1/leases", "", "azblob://devstoreaccount1/leases?endpoint=http://127.0.0.1:10000/devstoreaccount1"},
	} {
		client, err := container.NewClientWithNoCredential(test.container, nil)
		require.NoError(t, err)
		name := New(client, WithPrefix(test.prefix)).(*manager).String()
		assert.Equal(t, test.want, name)
		u, err := url.Parse(name)
		require.NoError(t, err)
		connection := ""
		if strings.Contains(name, "=http://") {
			connection = "UseDevelopmentStorage=true"
		}
		again, err := open(u, connection, defaultCredential)
		if strings.Contains(name, "-secondary") {
			require.ErrorContains(t, err, "secondary")
			continue
		}
		require.NoError(t, err, name)
		m := again.(*manager)
		where, _, _ := strings.Cut(strings.Replace(test.container, "user:c2VjcmV0@", "", 1), "?")
		assert.Equal(t, where, strings.ReplaceAll(m.container.URL(), "%24", "$"))
		assert.Equal(t, test.prefix, m.prefix)
		assert.Equal(t, name, m.String())
	}
	assert.Equal(t, "azblob", New(nil).(*manager).String())
}

// An identity is asked for in the account's own cloud.
func TestClouds(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]string{
		"https://orders1.blob.core.windows.net":          "", // as AZURE_AUTHORITY_HOST says, or the public one
		"https://orders1.z12.blob.storage.azure.net":     "",
		"https://orders1.blob.core.usgovcloudapi.net":    "https://login.microsoftonline.us/",
		"https://orders1.blob.core.chinacloudapi.cn":     "https://login.chinacloudapi.cn/",
		"https://usgovcloudapi.net.blobs.example.com":    "",
		"https://blobs.example.com/.usgovcloudapi.net/x": "",
	} {
		assert.Equal(t, want, cloudOf(endpoint).ActiveDirectoryAuthorityHost, endpoint)
	}
}

// What Open made is closed with the manager; and it speaks HTTP/1.1, also to a server that offers more, so that a request
// that hangs on a dead connection does not stand in the way of the next.
func TestConnections(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	server.EnableHTTP2 = true
	connections := wire.CountConnections(server)
	server.StartTLS()
	t.Cleanup(server.Close)

	transport := newTransport()
	transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	transport.TLSClientConfig.NextProtos = nil // those of the test's own client
	answer, err := (&http.Client{Transport: transport}).Get(server.URL)
	require.NoError(t, err)
	proto, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, "HTTP/1.1", string(proto))
	assert.Equal(t, 1, connections.Open(), "the connection is kept")
	require.NoError(t, lease.Close(New(nil, func(m *manager) { m.close = transport.CloseIdleConnections })))
	assert.Eventually(t, func() bool { return connections.Open() == 0 }, 10*time.Second, time.Millisecond, "the connection is closed")
}

// A renewal that hangs on a dead connection costs no more than itself.
func TestDeadConnections(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m, proxy := managers["opened"](t, p)
	held := acquire(t, m, "orders", "one")
	struck := proxy.OnRequest(1, wire.Stall(wire.Before))
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := m.Renew(ctx, held)
		failed <- err
	}()
	<-struck
	_, err := m.Renew(within(t, 10*time.Second), held) // while the other one hangs
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	_, err = m.Renew(within(t, 10*time.Second), held)
	require.NoError(t, err)
}

// defaultCredential is the one of package byurl, which tests in this package cannot import.
func defaultCredential(options azcore.ClientOptions) (azcore.TokenCredential, error) {
	return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options})
}

// Without a credential, an account that only an identity opens is refused.
func TestOpenerWithoutACredential(t *testing.T) {
	t.Parallel()
	_, err := open(&url.URL{Scheme: "azblob", Host: "orders1", Path: "/leases"}, "", nil)
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	require.ErrorContains(t, err, "this program has no source of credentials")
	errtest.Advice(t, err)
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
