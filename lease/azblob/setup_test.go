package azblob

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	bloblease "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// A place is a container, with its own clients.
type place struct {
	*container.Client
	name string
}

// newPlace makes a container.
func newPlace(t testing.TB) place {
	t.Helper()
	emulator.Need(t, emulator.Azure)
	p := place{name: emulator.Name(t)}
	p.Client = p.client(t, connectionString(), nil)
	_, err := p.Create(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = p.Delete(context.WithoutCancel(t.Context()), nil) })
	return p
}

// client is one more process's.
func (p place) client(t testing.TB, connection string, transport http.RoundTripper) *container.Client {
	t.Helper()
	if transport == nil {
		own := &http.Transport{MaxIdleConnsPerHost: 100}
		t.Cleanup(own.CloseIdleConnections)
		transport = own
	}
	c, err := container.NewClientFromConnectionString(connection, p.name, &container.ClientOptions{
		ClientOptions: azcore.ClientOptions{Transport: &http.Client{Transport: transport}},
	})
	require.NoError(t, err)
	return c
}

// proxied returns a manager, and the proxy that all it sends goes through.
func (p place) proxied(t testing.TB, opts ...Option) (lease.Manager, *wire.Proxy) {
	t.Helper()
	connection, proxy := proxiedConnection(t)
	return New(p.client(t, connection, nil), opts...), proxy
}

// proxiedConnection is a connection string that leads through a proxy.
func proxiedConnection(t testing.TB) (connection string, proxy *wire.Proxy) {
	t.Helper()
	proxy = emulator.Proxy(t, emulator.Azure)
	_, connection = emulator.At(emulator.Azure, proxy.URL())
	return connection, proxy
}

func connectionString() string { return os.Getenv(connectionVariable) }

func field(connection, name string) string {
	_, rest, _ := strings.Cut(";"+connection, ";"+name+"=")
	value, _, _ := strings.Cut(rest, ";")
	return value
}

// blob is the blob of a lease.
func (p place) blob(name string) *blob.Client {
	return p.NewBlobClient((&manager{}).blobName(name))
}

// metadata returns a blob's, with names in lower case.
func (p place) metadata(t testing.TB, name string) metadata {
	t.Helper()
	got, err := p.blob(name).GetProperties(t.Context(), nil)
	require.NoError(t, err)
	all := metadata{}
	for key, value := range got.Metadata {
		all[strings.ToLower(key)] = value
	}
	return all
}

// token reads the token as anybody would who has Azure's own tools.
func (p place) token(t testing.TB, name string) uint64 {
	t.Helper()
	token, err := strconv.ParseUint(*p.metadata(t, name)[keyToken], 10, 64)
	require.NoError(t, err)
	return token
}

// set replaces a blob's metadata by hand, as somebody may who has looked up the lease's ID.
func (p place) set(t testing.TB, name string, all metadata, id string) {
	t.Helper()
	opts := &blob.SetMetadataOptions{}
	if id != "" {
		opts.AccessConditions = &blob.AccessConditions{LeaseAccessConditions: &blob.LeaseAccessConditions{LeaseID: &id}}
	}
	_, err := p.blob(name).SetMetadata(t.Context(), all, opts)
	require.NoError(t, err)
}

// breakLease ends whatever lease there is, at once, as "az storage blob lease break" does.
func (p place) breakLease(ctx context.Context, name string) error {
	l, err := bloblease.NewBlobClient(p.blob(name), nil)
	if err != nil {
		return err
	}
	now := int32(0)
	_, err = l.BreakLease(ctx, &bloblease.BlobBreakOptions{BreakPeriod: &now})
	return err
}

// remove deletes the blob by hand.
func (p place) remove(ctx context.Context, name string) error {
	_ = p.breakLease(ctx, name) // there may be none
	all := blob.DeleteSnapshotsOptionTypeInclude
	_, err := p.blob(name).Delete(ctx, &blob.DeleteOptions{DeleteSnapshots: &all})
	return err
}

func request(name, holder string) lease.Request {
	return lease.Request{Name: name, Holder: holder, Length: limits.MinLength}
}

func acquire(t testing.TB, m lease.Manager, name, holder string) lease.Lease {
	t.Helper()
	l, err := m.Acquire(t.Context(), request(name, holder))
	require.NoError(t, err)
	return l
}

// within is a context for what must not hang.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
