package azblob

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// The first host that is asked is the identity service of the account's cloud.
func TestCloudsOnTheWire(t *testing.T) { // not parallel: azidentity reads the environment
	t.Setenv("AZURE_TENANT_ID", "11111111-2222-3333-4444-555555555555")
	t.Setenv("AZURE_CLIENT_ID", "app")
	t.Setenv("AZURE_CLIENT_SECRET", "c2VjcmV0")
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
	for endpoint, want := range map[string]string{
		"https://orders1.blob.core.windows.net":       "login.microsoftonline.com:443",
		"https://orders1.z12.blob.storage.azure.net":  "login.microsoftonline.com:443",
		"https://orders1.blob.core.usgovcloudapi.net": "login.microsoftonline.us:443",
		"https://orders1.blob.core.chinacloudapi.cn":  "login.chinacloudapi.cn:443",
	} {
		var asked []string
		var mu sync.Mutex
		ctx, cancel := context.WithCancel(t.Context()) // azidentity would try again, for a while
		transport := newTransport()
		transport.Proxy = nil
		transport.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, address)
			cancel()
			return nil, errors.New("this test has no network")
		}
		client, err := connect(target{account: "orders1", container: "leases", endpoint: endpoint}, "", transport, defaultCredential)
		require.NoError(t, err)
		_, err = lease.Inspect(ctx, New(client), "orders")
		require.Error(t, err)
		require.NotErrorIs(t, err, lease.ErrMisconfigured)
		require.NotEmpty(t, asked)
		assert.Equal(t, want, asked[0])
	}
}
