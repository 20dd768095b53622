package azblob

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	bloblease "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/errtest"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// calls has what a manager does first, for a lease that nobody has.
func calls(t testing.TB, m lease.Manager) map[string]error {
	_, acquired := m.Acquire(t.Context(), request("orders", "one"))
	_, inspected := lease.Inspect(t.Context(), m, "orders")
	var listed error
	for _, err := range lease.List(t.Context(), m, "") {
		listed = err
	}
	return map[string]error{"acquire": acquired, "inspect": inspected, "list": listed}
}

func wantMisconfigured(t testing.TB, m lease.Manager, says ...string) {
	t.Helper()
	for call, err := range calls(t, m) {
		require.ErrorIs(t, err, lease.ErrMisconfigured, call)
		for _, s := range says {
			assert.ErrorContains(t, err, s, call)
		}
		errtest.Advice(t, err)
	}
}

func TestMissingContainer(t *testing.T) {
	t.Parallel()
	emulator.Need(t, emulator.Azure)
	p := place{name: emulator.Name(t)}
	client := p.client(t, connectionString(), nil)
	wantMisconfigured(t, New(client), "404 ContainerNotFound", "create the container", p.name)

	m := New(client, WithCreateContainer())
	info, err := lease.Inspect(t.Context(), m, "orders")
	require.NoError(t, err)
	assert.Equal(t, lease.Info{Name: "orders"}, info)
	// Many find it missing at once.
	done := make(chan error)
	for _, name := range []string{"a", "b", "c", "d"} {
		go func() {
			_, err := m.Acquire(t.Context(), request(name, "one"))
			done <- err
		}()
	}
	for range 4 {
		require.NoError(t, <-done)
	}

	held := acquire(t, m, "orders", "one")
	_, err = client.Delete(t.Context(), nil)
	require.NoError(t, err)
	_, err = New(client).Renew(t.Context(), held)
	lost, ok := errors.AsType[*lease.LostError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, lease.LostGone, lost.Reason)
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	wrong := strings.Replace(connectionString(), field(connectionString(), "AccountKey"), base64.StdEncoding.EncodeToString([]byte("wrong")), 1)
	wantMisconfigured(t, New(p.client(t, wrong, nil)), "403 ") // AuthenticationFailed; Azurite says AuthorizationFailure
}

// A SAS that may not do something is told so, and does not show in any error.
func TestSAS(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	withSAS := func(permissions sas.ContainerPermissions, expiry time.Time) *container.Client {
		u, err := p.GetSASURL(permissions, expiry, nil)
		require.NoError(t, err)
		c, err := container.NewClientWithNoCredential(u, nil)
		require.NoError(t, err)
		return c
	}
	in := time.Now().Add(time.Hour)
	all := sas.ContainerPermissions{Read: true, Write: true, Create: true, List: true}
	m := New(withSAS(all, in))
	for call, err := range calls(t, m) {
		require.NoError(t, err, call)
	}

	_, err := New(withSAS(sas.ContainerPermissions{Read: true}, in)).Acquire(t.Context(), request("payments", "one"))
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	require.ErrorContains(t, err, "403 AuthorizationPermissionMismatch")
	require.ErrorContains(t, err, "Storage Blob Data Contributor")
	require.NotContains(t, err.Error(), "sig=")

	wantMisconfigured(t, New(withSAS(all, time.Now().Add(-time.Hour))), "403 ", "SAS")

	u, err := url.Parse(withSAS(all, in).URL())
	require.NoError(t, err)
	u.Host = "127.0.0.1:1" // nobody listens
	c, err := container.NewClientWithNoCredential(u.String(), nil)
	require.NoError(t, err)
	for call, err := range calls(t, New(c)) {
		require.NotErrorIs(t, err, lease.ErrMisconfigured, call)
		require.ErrorContains(t, err, "connection refused", call)
		require.NotContains(t, err.Error(), "sig=", call)
	}
}

func TestInvalidContainerName(t *testing.T) {
	t.Parallel()
	emulator.Need(t, emulator.Azure)
	p := place{name: "No_Container"}
	wantMisconfigured(t, New(p.client(t, connectionString(), nil), WithCreateContainer()), "InvalidResourceName")
}

// What Azurite cannot be made to answer. The codes and statuses are those of
// https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes and blob-service-error-codes.
func TestAnswers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for code, test := range map[string]struct {
		status int
		says   string // what to do; empty: try again
	}{
		"AuthenticationFailed":                {403, "get a new account key or SAS"},
		"ContainerDisabled":                   {403, "enable the container"},
		"AuthorizationPermissionMismatch":     {403, "Storage Blob Data Contributor"},
		"AuthorizationFailure":                {403, "firewall"},
		"InsufficientAccountPermissions":      {403, "Storage Blob Data Contributor"},
		"AccountIsDisabled":                   {403, "enable the storage account"},
		"KeyBasedAuthenticationNotPermitted":  {403, "use an identity"},
		"AuthorizationProtocolMismatch":       {403, "https"},
		"AuthorizationSourceIPMismatch":       {403, "IP addresses"},
		"AuthorizationServiceMismatch":        {403, "ss=b"},
		"AuthorizationResourceTypeMismatch":   {403, "srt=co"},
		"InvalidAuthenticationInfo":           {401, "log in"},
		"NoAuthenticationInformation":         {401, "log in"},
		"BlobImmutableDueToPolicy":            {409, "immutability policy"},
		"BlobImmutableDueToLegalHold":         {409, "legal hold"},
		"BlobUsesCustomerSpecifiedEncryption": {409, "somebody's own key"},
		"InvalidBlobType":                     {409, "no block blob"},
		"PublicAccessNotPermitted":            {409, "log in"},
		"OutOfRangeInput":                     {400, "3 to 63"},
		"InvalidHeaderValue":                  {400, "Azurite"},
		"BlobArchived":                        {409, "hot tier"},
		"KeyVaultEncryptionKeyNotFound":       {403, "customer-managed key"},
		"KeyVaultVaultNotFound":               {403, "customer-managed key"},
		"KeyVaultAccessTokenCannotBeAcquired": {403, "customer-managed key"},
		"AccountRequiresHttps":                {400, "https"},
		"BlobBeingRehydrated":                 {409, ""},
		"MetadataTooLarge":                    {400, "metadata"},
		"ServerBusy":                          {503, ""},
		"TooManyRequests":                     {429, ""},
		"OperationTimedOut":                   {500, ""},
		"InternalError":                       {500, ""},
		"ContainerBeingDeleted":               {409, ""},
		"AccountBeingCreated":                 {409, ""},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			m, proxy := p.proxied(t)
			// Of a new lease, the fourth request is Set Blob Metadata; after it, the lease is given back.
			for k := range 4 {
				proxy.OnRequest(k+1, wire.Reply(test.status, http.Header{"X-Ms-Error-Code": {code}, "X-Ms-Request-Id": {"r-1"}}, ""))
				name := code + string(rune('a'+k))
				_, err := m.Acquire(t.Context(), request(name, "one"))
				require.ErrorContains(t, err, code+" to request r-1")
				require.ErrorContains(t, err, `acquire lease "`+name)
				errtest.Advice(t, err)
				if assert.Equal(t, test.says != "", errors.Is(err, lease.ErrMisconfigured), "%v", err) {
					assert.ErrorContains(t, err, test.says)
				}
				answer, ok := errors.AsType[*azcore.ResponseError](err)
				require.True(t, ok)
				assert.Equal(t, code, answer.ErrorCode)
				proxy.Heal()
				acquire(t, m, name, "two") // whatever was acquired was given back
			}
		})
	}
}

// Refusals that only a race brings about make an acquisition look again, and send nothing else.
func TestRefusalsInARace(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for code, status := range map[string]int{
		"LeaseAlreadyPresent": 409, "LeaseIsBreakingAndCannotBeAcquired": 409, "ConditionNotMet": 412, "BlobNotFound": 404,
	} {
		m, proxy := p.proxied(t)
		require.NoError(t, m.Release(t.Context(), acquire(t, m, code, "before")))
		proxy.OnRequest(2, wire.Reply(status, http.Header{"X-Ms-Error-Code": {code}, "X-Ms-Request-Id": {"r-1"}}, ""))
		sixth := proxy.OnRequest(6, wire.Delay(wire.Before, 0))
		require.Equal(t, uint64(2), acquire(t, m, code, "one").Token, code)
		select {
		case <-sixth:
			t.Errorf("%s: more was sent than the look, the refused request, and the three of an acquisition", code)
		default:
		}
	}
}

// A Break that comes at the moment of a wish, or of a new value, looks again, and breaks the lease then.
func TestBreakInARace(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m, proxy := p.proxied(t)
	held := acquire(t, m, "orders", "one")
	seen, err := lease.Inspect(t.Context(), m, "orders")
	require.NoError(t, err)
	goOn := make(chan struct{})
	struck := proxy.OnRequest(2, wire.Hold(wire.Before, goOn))
	fifth := proxy.OnRequest(5, wire.Delay(wire.Before, 0))
	broken := make(chan error, 1)
	go func() { broken <- lease.Break(t.Context(), m, seen) }()
	<-struck
	_, err = New(p.Client).Renew(t.Context(), withValue(held, "new"))
	require.NoError(t, err)
	close(goOn)
	require.NoError(t, <-broken)
	select {
	case <-fifth:
		t.Error("more was sent than two looks and two breaks")
	default:
	}
	seen, err = lease.Inspect(t.Context(), m, "orders")
	require.NoError(t, err)
	require.True(t, seen.Broken)
}

// A page of somebody in between, which knows no such URL, says nothing of the lease.
func TestNotFoundBySomebodyElse(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m, proxy := p.proxied(t)
	held := acquire(t, m, "orders", "one")
	proxy.OnEvery(wire.Reply(http.StatusNotFound, nil, "<html>not found</html>"))
	_, err := m.Renew(t.Context(), held)
	require.ErrorContains(t, err, "404")
	require.NotErrorIs(t, err, lease.ErrLost)
	_, err = lease.Inspect(t.Context(), m, "orders")
	require.ErrorContains(t, err, "404")
}

// A state that is not known is not free.
func TestUnknownState(t *testing.T) {
	t.Parallel()
	m := &manager{}
	state, etag := bloblease.StateType("new"), azcore.ETag("0x1")
	seen, err := m.read("orders", metadata{keyFormat: pointer("1")}, &etag, &state)
	require.NoError(t, err)
	require.Equal(t, lease.Held, seen.state)
}

func TestWithoutClient(t *testing.T) {
	t.Parallel()
	m := New(nil)
	wantMisconfigured(t, m, "pass one to azblob.New")
	held := lease.Lease{Name: "orders", Holder: "one", ID: "x", Token: 1, Length: limits.MinLength, Version: "15s x"}
	_, err := m.Renew(t.Context(), held)
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	require.ErrorIs(t, m.Release(t.Context(), held), lease.ErrMisconfigured)
	require.NoError(t, lease.Close(m))
}

// A blob lease keeps the length of its acquisition, so a holder that counts on another length gets an error (R2).
func TestLengthStays(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	held := acquire(t, m, "orders", "one")
	longer := held
	longer.Length = limits.MaxLength
	_, err := m.Renew(t.Context(), longer)
	require.ErrorIs(t, err, lease.ErrInvalid)
	_, err = m.Renew(t.Context(), held)
	require.NoError(t, err)
	require.NoError(t, m.Release(t.Context(), longer))
}
