package azblob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// identityService answers whatever azidentity asks, below the real azidentity.
type identityService struct {
	status int
	body   string
	err    error
}

func (s identityService) Do(r *http.Request) (*http.Response, error) {
	if s.err != nil {
		return nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: s.err}
	}
	answer := func(status int, body string) (*http.Response, error) {
		h := http.Header{"Content-Type": {"application/json"}}
		return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
	if strings.HasSuffix(r.URL.Path, "/openid-configuration") {
		host := "https://login.microsoftonline.com/t"
		return answer(200, `{"token_endpoint":"`+host+`/oauth2/v2.0/token","authorization_endpoint":"`+host+`/oauth2/v2.0/authorize","issuer":"`+host+`/v2.0"}`)
	}
	return answer(s.status, s.body)
}

func said(oauth string, code int) string {
	return fmt.Sprintf(`{"error":%q,"error_description":"AADSTS%d: in words.\r\nTrace ID: 1","error_codes":[%d]}`, oauth, code, code)
}

func unreachableBy(call string, err error) error {
	return &net.OpError{Op: call, Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(169, 254, 169, 254), Port: 80}, Err: os.NewSyscallError("connect", err)}
}

// One row for each way in which there is no token. A temporary error must not end Run, and a permanent one must. Sources:
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes (AADSTS),
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling (IMDS).
var identityRows = []struct {
	name    string
	source  string // secret: an application's; vm: a managed identity's; default: DefaultAzureCredential
	service identityService
	says    string // what to do; empty: it passes
}{
	{"an expired secret", "secret", identityService{status: 401, body: said("invalid_client", 7000222)}, "AZURE_CLIENT_SECRET"},
	{"a wrong secret", "secret", identityService{status: 401, body: said("invalid_client", 7000215)}, "AZURE_CLIENT_SECRET"},
	{"a certificate that is refused", "secret", identityService{status: 401, body: said("invalid_client", 700027)}, "AZURE_CLIENT_CERTIFICATE_PATH"},
	{"an application that is not in the tenant", "secret", identityService{status: 400, body: said("unauthorized_client", 700016)}, "AZURE_TENANT_ID"},
	{"an application that is disabled", "secret", identityService{status: 401, body: said("unauthorized_client", 7000112)}, "AZURE_CLIENT_ID"},
	{"no such tenant", "secret", identityService{status: 400, body: said("invalid_request", 90002)}, "AZURE_TENANT_ID"},
	{"no tenant's name", "secret", identityService{status: 400, body: said("invalid_request", 900023)}, "AZURE_TENANT_ID"},
	{"another cloud's tenant", "secret", identityService{status: 400, body: said("invalid_request", 90038)}, "suffix"},
	{"another cloud's application", "secret", identityService{status: 401, body: said("invalid_client", 900382)}, "suffix"},
	{"an assertion out of its time", "secret", identityService{status: 401, body: said("invalid_client", 700024)}, "clock"},
	{"no federated credential", "secret", identityService{status: 401, body: said("invalid_client", 70021)}, "federated"},
	{"a federated credential of another issuer", "secret", identityService{status: 401, body: said("invalid_client", 700211)}, "federated"},
	{"a federated credential for another audience", "secret", identityService{status: 401, body: said("invalid_client", 700212)}, "federated"},
	{"a federated credential of another subject", "secret", identityService{status: 401, body: said("invalid_client", 700213)}, "federated"},
	{"a code without specific advice", "secret", identityService{status: 400, body: said("invalid_grant", 53003)}, "az login"},
	{"a transient error", "secret", identityService{status: 400, body: said("invalid_request", 50033)}, ""},
	{"a provider's transient error", "secret", identityService{status: 400, body: said("invalid_grant", 40010)}, ""},
	{"another transient error", "secret", identityService{status: 400, body: said("invalid_grant", 50087)}, ""},
	{"a claims provider that is throttled", "secret", identityService{status: 400, body: said("invalid_grant", 50166)}, ""},
	{"too many requests of one kind", "secret", identityService{status: 400, body: said("invalid_grant", 50196)}, ""},
	{"a validator on premises that is late", "secret", identityService{status: 400, body: said("invalid_grant", 80002)}, ""},
	{"a service that is away for a while", "secret", identityService{status: 400, body: said("invalid_request", 90006)}, ""},
	{"a timeout", "secret", identityService{status: 400, body: said("invalid_request", 90012)}, ""},
	{"a budget that is exceeded", "secret", identityService{status: 400, body: said("invalid_request", 90024)}, ""},
	{"a directory that is away", "secret", identityService{status: 400, body: said("invalid_request", 90033)}, ""},
	{"a tenant that is throttled", "secret", identityService{status: 400, body: said("invalid_request", 90055)}, ""},
	{"temporarily unavailable", "secret", identityService{status: 400, body: said("temporarily_unavailable", 1)}, ""},
	{"a server's error", "secret", identityService{status: 400, body: said("server_error", 1)}, ""},
	{"slow down", "secret", identityService{status: 400, body: said("slow_down", 1)}, ""},
	{"429", "secret", identityService{status: 429, body: said("invalid_request", 1)}, ""},
	{"503", "secret", identityService{status: 503, body: said("invalid_client", 7000215)}, ""},
	{"a page of somebody else", "secret", identityService{status: 403, body: "<html>blocked</html>"}, ""},
	{"a page without a word", "secret", identityService{status: 401, body: "{}"}, ""},
	{"a network that is down", "secret", identityService{err: unreachableBy("dial", syscall.ENETUNREACH)}, ""},
	{"no such host", "secret", identityService{err: &net.DNSError{Err: "no such host", Name: "login.microsoftonline.com", IsNotFound: true}}, ""},

	{"no such identity on the machine", "vm", identityService{status: 400, body: `{"error":"invalid_request","error_description":"Identity not found"}`}, "managed identity"},
	{"the metadata service is updated", "vm", identityService{status: 404, body: `{"error":"not_found","error_description":"x"}`}, ""},
	{"the metadata service is upgraded", "vm", identityService{status: 410, body: `{"error":"gone","error_description":"x"}`}, ""},
	{"the metadata service has too many", "vm", identityService{status: 429, body: `{"error":"too_many","error_description":"x"}`}, ""},
	{"the metadata service fails", "vm", identityService{status: 500, body: `{"error":"unknown","error_description":"x"}`}, ""},
	{"a gateway before the metadata service", "vm", identityService{status: 502, body: "<html>bad gateway</html>"}, ""},
	{"a network that is down, on the machine", "vm", identityService{err: unreachableBy("dial", syscall.ENETUNREACH)}, ""},

	{"a network that is down, for all sources", "default", identityService{err: unreachableBy("dial", syscall.ENETUNREACH)}, ""},
	{"no route, for all sources", "default", identityService{err: unreachableBy("dial", syscall.EHOSTUNREACH)}, ""},
	{"nobody listens, for all sources", "default", identityService{err: unreachableBy("dial", syscall.ECONNREFUSED)}, ""},
	{"a metadata service that is late, for all sources", "default", identityService{err: context.DeadlineExceeded}, ""},
	{"no source has any", "default", identityService{status: 400, body: `{"error":"invalid_request","error_description":"Identity not found"}`}, "az login"},
}

func (s identityService) credential(t *testing.T, source string) azcore.TokenCredential {
	opts := policy.ClientOptions{Transport: s, Retry: policy.RetryOptions{MaxRetries: -1}}
	var c azcore.TokenCredential
	var err error
	switch source {
	case "secret":
		c, err = azidentity.NewClientSecretCredential("t", "app", "c2VjcmV0", &azidentity.ClientSecretCredentialOptions{ClientOptions: opts, DisableInstanceDiscovery: true})
	case "vm":
		c, err = azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ClientOptions: opts})
	default:
		c, err = azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: opts, DisableInstanceDiscovery: true})
	}
	require.NoError(t, err)
	return c
}

func TestIdentity(t *testing.T) { // not parallel: azidentity reads the environment
	for _, name := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_TOKEN_CREDENTIALS"} {
		t.Setenv(name, "")
		require.NoError(t, os.Unsetenv(name))
	}
	t.Setenv("PATH", t.TempDir()) // without az, azd and pwsh
	for _, row := range identityRows {
		t.Run(row.name, func(t *testing.T) {
			c, err := container.NewClient("https://orders1.blob.core.windows.net/leases", row.service.credential(t, row.source), nil)
			require.NoError(t, err)
			_, err = lease.Inspect(t.Context(), New(c), "orders")
			require.Error(t, err)
			if assert.Equal(t, row.says != "", errors.Is(err, lease.ErrMisconfigured), "%v", err) {
				assert.ErrorContains(t, err, row.says)
			}
			assert.NotContains(t, err.Error(), "\n")
			assert.NotContains(t, err.Error(), "c2VjcmV0")
			assert.ErrorContains(t, err, "no credential: ")
		})
	}
}

// Each code of the table has a row.
func TestIdentityRows(t *testing.T) {
	t.Parallel()
	for code := range entra {
		found := false
		for _, row := range identityRows {
			found = found || strings.Contains(row.service.body, fmt.Sprintf("AADSTS%d:", code))
		}
		assert.True(t, found, "AADSTS%d", code)
	}
}

// An error of azidentity is found by its package's name, wherever in a tree it is.
func TestOfIdentity(t *testing.T) {
	t.Parallel()
	failed, none := &azidentity.AuthenticationFailedError{RawResponse: &http.Response{}}, azidentity.NewCredentialUnavailableError("none")
	var typed *azidentity.AuthenticationFailedError
	require.Equal(t, identityPackage, reflect.TypeOf(typed).Elem().PkgPath())
	for _, err := range []error{failed, fmt.Errorf("a: %w", failed), errors.Join(io.EOF, fmt.Errorf("b: %w", failed))} {
		found := ofIdentity(err)
		require.Same(t, failed, found)
		answer, asked := answerOf(found)
		assert.True(t, asked)
		assert.Same(t, failed.RawResponse, answer)
	}
	_, asked := answerOf(ofIdentity(fmt.Errorf("c: %w", none)))
	assert.False(t, asked, "no request was sent")
	_, asked = answerOf(&azidentity.AuthenticationFailedError{})
	assert.True(t, asked, "and not answered")
	for _, err := range []error{nil, io.EOF, errors.Join(io.EOF, io.ErrUnexpectedEOF), &azcore.ResponseError{}} {
		assert.NoError(t, ofIdentity(err))
	}
}

// Errors that look like those of azidentity to a program that asks for their method alone.
func TestOtherCredentialTrouble(t *testing.T) {
	t.Parallel()
	token := tokenSource{}
	for name, test := range map[string]struct {
		url       string
		answer    *http.Response
		says      string
		permanent bool
	}{
		"a body that breaks off": {"https://x.invalid/c", &http.Response{StatusCode: 403, Header: http.Header{}, Body: io.NopCloser(breaksOff{})}, "it breaks off", false},
		"a 401 of a proxy's":     {"https://x.invalid/c", &http.Response{StatusCode: 401, Header: http.Header{}, Body: http.NoBody}, "its status is 401", false},
		"without TLS":            {"http://x.invalid/c", nil, "https", true},
	} {
		client, err := container.NewClient(test.url, token, &container.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: fixed{test.answer}}})
		require.NoError(t, err)
		_, err = lease.Inspect(t.Context(), New(client), "orders")
		require.ErrorContains(t, err, test.says, name)
		assert.Equal(t, test.permanent, errors.Is(err, lease.ErrMisconfigured), "%s: %v", name, err)
	}
}

type tokenSource struct{}

func (tokenSource) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token"}, nil
}

type fixed struct{ answer *http.Response }

func (f fixed) Do(r *http.Request) (*http.Response, error) {
	f.answer.Request = r
	return f.answer, nil
}

type breaksOff struct{}

func (breaksOff) Read([]byte) (int, error) { return 0, errors.New("it breaks off") }
