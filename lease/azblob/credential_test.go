package azblob

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// answering is a credential that answers with its token, or with an error.
type answering struct {
	token string
	fails func() error
	takes time.Duration
	asked atomic.Int64
}

func (a *answering) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	a.asked.Add(1)
	time.Sleep(a.takes)
	if a.fails != nil {
		return azcore.AccessToken{}, a.fails()
	}
	return azcore.AccessToken{Token: a.token}, nil
}

func refusedBy(status int, body string) error {
	return &azidentity.AuthenticationFailedError{RawResponse: &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}}
}

func certificateRefused() error { return refusedBy(401, said("invalid_client", 700027)) }

// maker makes the credentials in their order, and the last again and again; nil: it makes none.
type maker struct {
	all  []*answering
	made atomic.Int64
}

func (m *maker) anew() (azcore.TokenCredential, error) {
	next := m.all[min(int(m.made.Add(1)), len(m.all))-1]
	if next == nil {
		return nil, errors.New("no certificate in the file")
	}
	return next, nil
}

func (m *maker) first(t *testing.T) *renewed {
	r, err := newRenewed(m.anew)
	require.NoError(t, err)
	return r
}

func (r *renewed) token(t *testing.T) (string, error) {
	token, err := r.GetToken(t.Context(), policy.TokenRequestOptions{})
	return token.Token, err
}

// A credential that the identity service refuses is made anew: the certificate in the file may be another.
func TestRefusedCredential(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		old, other := &answering{fails: certificateRefused, takes: time.Second}, &answering{token: "new", takes: time.Second}
		m := &maker{all: []*answering{old, other}}
		r := m.first(t)
		var calls sync.WaitGroup
		for range 20 { // all are refused at once
			calls.Go(func() {
				token, err := r.token(t)
				assert.NoError(t, err)
				assert.Equal(t, "new", token)
			})
		}
		calls.Wait()
		require.EqualValues(t, 2, m.made.Load())
		require.EqualValues(t, 20, old.asked.Load())
		token, err := r.token(t)
		require.NoError(t, err)
		require.Equal(t, "new", token)
		require.EqualValues(t, 20, old.asked.Load(), "it is asked no more")
		require.EqualValues(t, 2, m.made.Load())
	})
}

// One that is refused time after time is made anew once in five seconds, and one of which nobody says that it is wrong stays.
func TestCredentialThatStaysRefused(t *testing.T) {
	t.Parallel()
	busy := func() error { return refusedBy(400, said("temporarily_unavailable", 1)) }
	nobody := func() error { return &azidentity.AuthenticationFailedError{} }
	none := func() error { return azidentity.NewCredentialUnavailableError("no source has any") }
	anothers := func() error { return errors.New("not azidentity's") }
	for what, c := range map[string]struct {
		fails func() error
		other *answering
		says  string
		made  int64 // within fifteen seconds
	}{
		"refused":                      {certificateRefused, &answering{fails: certificateRefused}, "AADSTS700027", 4},
		"the new one passes":           {certificateRefused, &answering{fails: busy}, "AADSTS700027", 4},
		"none can be made":             {certificateRefused, nil, "AADSTS700027", 4},
		"no source has any":            {none, &answering{fails: busy}, "no source has any", 4},
		"the identity service is busy": {busy, &answering{token: "new"}, "AADSTS1", 1},
		"nobody answered":              {nobody, &answering{token: "new"}, "", 1},
		"somebody else's error":        {anothers, &answering{token: "new"}, "not azidentity's", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := &maker{all: []*answering{{fails: c.fails}, c.other}}
			r := m.first(t)
			for began := time.Now(); time.Since(began) < 15*time.Second; time.Sleep(time.Second) {
				_, err := r.token(t)
				if trouble := classifyIdentity(err); trouble != nil {
					err = trouble
				}
				require.ErrorContains(t, err, c.says, what)
			}
			require.Equal(t, c.made, m.made.Load(), what)
		})
	}
}

// A call whose context has ended makes nothing, and does not wait for one that does.
func TestCredentialAfterTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &maker{all: []*answering{{fails: certificateRefused, takes: time.Second}}}
		r := m.first(t)
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
			defer cancel()
			_, err := r.GetToken(ctx, policy.TokenRequestOptions{})
			require.Error(t, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second/2)
		defer cancel()
		r.turn <- struct{}{} // another call makes one
		_, err := r.GetToken(ctx, policy.TokenRequestOptions{})
		require.Error(t, err)
		require.EqualValues(t, 1, m.made.Load())
	})
}

// A manager that a URL opens has such a credential, and a source of none is refused.
func TestOpenedCredential(t *testing.T) {
	t.Parallel()
	at := target{account: "orders1", container: "leases", endpoint: "https://orders1.blob.core.windows.net"}
	ctx, cancel := context.WithCancel(t.Context())
	transport := newTransport()
	transport.Proxy = nil
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		cancel() // azcore would try again, for a while
		return nil, errors.New("this test has no network")
	}
	m := &maker{all: []*answering{{fails: certificateRefused}, {token: "new"}}}
	client, err := connect(at, "", transport, func(azcore.ClientOptions) (azcore.TokenCredential, error) { return m.anew() })
	require.NoError(t, err)
	_, err = lease.Inspect(ctx, New(client), "orders")
	require.Error(t, err)
	require.NotErrorIs(t, err, lease.ErrMisconfigured, "the account was asked, with the new one's token")
	require.EqualValues(t, 2, m.made.Load())

	_, err = connect(at, "", transport, func(azcore.ClientOptions) (azcore.TokenCredential, error) { return (*answering)(nil), nil })
	require.ErrorIs(t, err, lease.ErrMisconfigured)
}

// A certificate, and its file with the key.
func certificate(t *testing.T, path string) (cert []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano())}
	cert, err = x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	file := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	require.NoError(t, os.WriteFile(path, file, 0o600))
	return cert
}

// trusting is an identity service that trusts one certificate.
type trusting struct{ cert atomic.Pointer[[]byte] }

func (s *trusting) Do(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost {
		return identityService{}.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	head, _, _ := strings.Cut(form.Get("client_assertion"), ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return nil, err
	}
	var shown map[string]any
	if err := json.Unmarshal(text, &shown); err != nil {
		return nil, err
	}
	old, current := sha1.Sum(*s.cert.Load()), sha256.Sum256(*s.cert.Load())
	if shown["x5t"] != base64.StdEncoding.EncodeToString(old[:]) && shown["x5t"] != base64.RawURLEncoding.EncodeToString(old[:]) &&
		shown["x5t#S256"] != base64.RawURLEncoding.EncodeToString(current[:]) && shown["x5t#S256"] != base64.StdEncoding.EncodeToString(current[:]) {
		return identityService{status: 401, body: said("invalid_client", 700027)}.Do(r)
	}
	return identityService{status: 200, body: `{"token_type":"Bearer","expires_in":3600,"access_token":"t"}`}.Do(r)
}

// azidentity's own credential, with a certificate that is replaced in its file.
func TestCertificateThatIsReplaced(t *testing.T) { // not parallel: azidentity reads the environment
	path := filepath.Join(t.TempDir(), "app.pem")
	t.Setenv("AZURE_TENANT_ID", "t")
	t.Setenv("AZURE_CLIENT_ID", "app")
	t.Setenv("AZURE_CLIENT_SECRET", "")
	t.Setenv("AZURE_CLIENT_CERTIFICATE_PATH", path)
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
	service := &trusting{}
	first := certificate(t, path)
	service.cert.Store(&first)
	r, err := newRenewed(func() (azcore.TokenCredential, error) {
		options := policy.ClientOptions{Transport: service, Retry: policy.RetryOptions{MaxRetries: -1}}
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	})
	require.NoError(t, err)
	ask := func(scope string) error { // another scope has another token
		_, err := r.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://" + scope + "/.default"}})
		return err
	}
	require.NoError(t, ask("one"))
	second := certificate(t, path)
	service.cert.Store(&second)
	require.NoError(t, ask("two"))
	_, replaced := r.latest()
	require.Equal(t, 1, replaced)

	third := certificate(t, filepath.Join(t.TempDir(), "elsewhere.pem"))
	service.cert.Store(&third)
	r.made = time.Time{} // five seconds have passed
	require.ErrorContains(t, classifyIdentity(ask("three")), "AADSTS700027")
}
