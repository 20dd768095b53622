package gcs

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/option"

	"github.com/cloudlease/leader/internal/errtest"
	"github.com/cloudlease/leader/lease"
)

// A tokenRow is an answer of a service that gives out access tokens, and its meaning.
type tokenRow struct {
	status int
	body   string
	says   string // in an ErrMisconfigured; empty: it may pass
}

// ofEndpoint are answers of Google's token endpoint: https://datatracker.ietf.org/doc/html/rfc6749#section-5.2.
var ofEndpoint = map[string]tokenRow{
	"revoked":        {400, `{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`, login},
	"key deleted":    {400, `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`, login},
	"account gone":   {400, `{"error":"invalid_grant","error_description":"Invalid grant: account not found"}`, login},
	"session over":   {400, `{"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)"}`, login},
	"client unknown": {401, `{"error":"invalid_client","error_description":"The OAuth client was not found."}`, login},
	"clock":          {400, `{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."}`, "clock"},
	"internal":       {500, `{"error":"internal_failure"}`, ""},
	"unavailable":    {503, `{"error":"backendError"}`, ""},
	"too many":       {429, `{"error":"rate_limit_exceeded"}`, ""},
	"timed out":      {408, `{}`, ""},
	"gateway":        {502, page, ""},
	"a filter":       {403, page, ""},
	"a portal":       {200, page, ""},
	"empty":          {200, "", ""},
}

// ofSTS are answers to workloads whose identity is another cloud's: https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token.
var ofSTS = map[string]tokenRow{
	"rejected":    {400, `{"error":"unauthorized_client","error_description":"The given credential is rejected by the attribute condition."}`, login},
	"no pool":     {400, `{"error":"invalid_target","error_description":"The target service indicated by the audience parameters is invalid."}`, login},
	"unavailable": {503, `{"error":"internal_failure"}`, ""},
	"too many":    {429, `{"error":"quota"}`, ""},
	"a filter":    {403, page, ""},
}

// ofIAM are answers to somebody who acts as a service account:
// https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken.
var ofIAM = map[string]tokenRow{
	"may not":     {403, asStatus(403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."), "Service Account Token Creator"},
	"no such":     {404, asStatus(404, "NOT_FOUND", "Not found; Gaia id not found for email x@p.iam.gserviceaccount.com"), "Service Account Token Creator"},
	"unavailable": {503, asStatus(503, "UNAVAILABLE", "The service is currently unavailable."), ""},
	"too many":    {429, asStatus(429, "RESOURCE_EXHAUSTED", "Quota exceeded"), ""},
}

// ofMachine are answers of a machine's metadata server: https://cloud.google.com/compute/docs/metadata/querying-metadata#statuscodes.
var ofMachine = map[string]tokenRow{
	"no account":  {404, "", "Compute Engine"},
	"may not":     {403, "Unable to generate access token; IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied", "Workload Identity User"},
	"unavailable": {503, "", ""},
	"internal":    {500, "", ""},
	"too many":    {429, "", ""},
	"odd":         {200, page, ""},
}

// Each row, on the wire, with the libraries that there are.
func TestTokens(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	var now atomic.Pointer[tokenRow]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		row := *now.Load()
		if r.URL.Path == "/sts-good" {
			row = tokenRow{status: 200, body: `{"access_token":"x","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":3600}`}
		}
		w.WriteHeader(row.status)
		_, _ = w.Write([]byte(row.body))
	}))
	t.Cleanup(server.Close)
	t.Setenv("GCE_METADATA_HOST", server.Listener.Addr().String())
	account := newTokens(t)
	account.pointTo(t, server.URL)
	for kind, c := range map[string]struct {
		rows map[string]tokenRow
		opt  option.ClientOption
	}{
		"key":           {ofEndpoint, option.WithCredentialsFile(account.file)},
		"oauth2":        {ofEndpoint, option.WithTokenSource(oauth2Source(t, server.URL))},
		"workload":      {ofSTS, option.WithCredentialsFile(workload(t, server.URL+"/sts", ""))},
		"impersonating": {ofIAM, option.WithCredentialsFile(workload(t, server.URL+"/sts-good", server.URL))},
		"machine":       {ofMachine, option.WithTokenSource(google.ComputeTokenSource("", storage.ScopeReadWrite))},
	} {
		for maker, makes := range makers {
			for what, row := range c.rows {
				t.Run(kind+"/"+maker+"/"+what, func(t *testing.T) {
					now.Store(&row)
					client, err := makes(t.Context(), c.opt, option.WithEndpoint("http://127.0.0.1:1/storage/v1/"))
					require.NoError(t, err)
					defer client.Close()
					err = NewStore(client, "b").calls()["read"](t.Context())
					require.Error(t, err)
					if row.says == "" {
						require.NotErrorIs(t, err, lease.ErrMisconfigured)
						return
					}
					require.ErrorIs(t, err, lease.ErrMisconfigured)
					assert.ErrorContains(t, err, row.says)
					errtest.Advice(t, err)
				})
			}
		}
	}
}

// pointTo has the account ask for its tokens at another place.
func (s *tokens) pointTo(t testing.TB, url string) {
	raw, err := os.ReadFile(s.file)
	require.NoError(t, err)
	var account map[string]string
	require.NoError(t, json.Unmarshal(raw, &account))
	account["token_uri"] = url
	write(t, s.file, account)
}

func oauth2Source(t testing.TB, url string) oauth2.TokenSource {
	config := oauth2.Config{ClientID: "c", Endpoint: oauth2.Endpoint{TokenURL: url, AuthStyle: oauth2.AuthStyleInParams}}
	return config.TokenSource(t.Context(), &oauth2.Token{RefreshToken: "r"})
}

// workload is the file of a workload whose token is in a file.
func workload(t testing.TB, sts, iam string) (file string) {
	dir := t.TempDir()
	subject, file := filepath.Join(dir, "subject"), filepath.Join(dir, "workload.json")
	require.NoError(t, os.WriteFile(subject, []byte("token"), 0o600))
	account := map[string]any{
		"type": "external_account", "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
		"subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": sts, "credential_source": map[string]string{"file": subject},
	}
	if iam != "" {
		account["service_account_impersonation_url"] = iam + "/v1/projects/-/serviceAccounts/x@p.iam.gserviceaccount.com:generateAccessToken"
	}
	write(t, file, account)
	return file
}

func write(t testing.TB, file string, v any) {
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, raw, 0o600))
}
