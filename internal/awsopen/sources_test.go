package awsopen

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A sourceTest has one source of credentials fail.
type sourceTest struct {
	name, config string
	prepare      func(t *testing.T, dir string)
	meanwhile    func(t *testing.T, dir string) // before the stand-in answers
	variables    map[string]string              // @ is where the stand-in is, silent where somebody listens and says nothing
	status       int
	kind, body   string // what the stand-in answers
	says         string // empty: that it is temporary, and no more
	permanent    bool
}

// loginToken is a token of aws login that has expired.
func loginToken(t *testing.T) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	token, err := json.Marshal(map[string]any{
		"accessToken": map[string]string{"accessKeyId": "a", "secretAccessKey": "b", "sessionToken": "c", "accountId": "1", "expiresAt": "2020-01-01T00:00:00Z"},
		"clientId":    "d", "refreshToken": "e", "dpopKey": string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})),
	})
	require.NoError(t, err)
	return string(token)
}

// The SDK's own errors, from its sources of credentials to the row: those for which it has no types, above all.
func TestSourcesOfCredentials(t *testing.T) {
	const profile = "[profile p]\nregion = eu-west-1\n"
	cached := func(token string) func(t *testing.T, _ string) {
		return func(t *testing.T, dir string) {
			cache := filepath.Join(dir, ".aws", "sso", "cache")
			require.NoError(t, os.MkdirAll(cache, 0o700))
			for _, session := range []string{"work", "https://x.awsapps.com/start"} {
				file, err := ssocreds.StandardCachedTokenFilepath(session)
				require.NoError(t, err)
				write(t, filepath.Join(cache, filepath.Base(file)), token)
			}
		}
	}
	obstructed := func(t *testing.T, dir string) { // a directory is where the token is to be written
		files, err := filepath.Glob(filepath.Join(dir, ".aws", "sso", "cache", "*.json"))
		assert.NoError(t, err)
		for _, file := range files {
			assert.NoError(t, os.Remove(file))
			assert.NoError(t, os.MkdirAll(filepath.Join(file, "full"), 0o700))
		}
	}
	const session = profile + "sso_session = work\nsso_account_id = 111122223333\nsso_role_name = r\n" +
		"[sso-session work]\nsso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start\n"
	const legacy = profile + "sso_account_id = 111122223333\nsso_role_name = r\nsso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start\n"
	expired := `{"accessToken":"a","expiresAt":"2020-01-01T00:00:00Z"}`
	refreshable := `{"accessToken":"a","expiresAt":"2020-01-01T00:00:00Z","clientId":"c","clientSecret":"s","refreshToken":"r"}`
	valid := `{"accessToken":"a","expiresAt":"` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `"}`
	const login = profile + "login_session = arn:aws:iam::111122223333:user/x\n"
	loggedIn := func(token string) func(t *testing.T, _ string) {
		return func(t *testing.T, _ string) {
			file, err := logincreds.StandardCachedTokenFilepath("arn:aws:iam::111122223333:user/x", "")
			require.NoError(t, err)
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
			write(t, file, token)
		}
	}
	denied := func(reason string) string { return `{"error":"` + reason + `","message":"made up"}` }
	tests := []sourceTest{
		{name: "nothing", config: profile, says: "set AWS_PROFILE", permanent: true},
		{name: "a session without a token", config: session, says: "aws sso login", permanent: true},
		{name: "an expired session", config: session, prepare: cached(expired), says: "aws sso login", permanent: true},
		{name: "a session that cannot be refreshed", config: session, prepare: cached(refreshable),
			variables: map[string]string{"AWS_ENDPOINT_URL_SSO_OIDC": "@"}, status: 400, kind: "InvalidGrantException",
			body: `{"error":"invalid_grant"}`, says: "aws sso login", permanent: true},
		{name: "a session whose service is down", config: session, prepare: cached(refreshable),
			variables: map[string]string{"AWS_ENDPOINT_URL_SSO_OIDC": "@"}, status: 500, kind: "InternalServerException", body: `{}`},
		{name: "a session whose service is not to be reached", config: session, prepare: cached(refreshable),
			variables: map[string]string{"AWS_ENDPOINT_URL_SSO_OIDC": "http://127.0.0.1:1"}},
		{name: "a session behind a proxy that fails", config: session, prepare: cached(refreshable),
			variables: map[string]string{"AWS_ENDPOINT_URL_SSO_OIDC": "@"}, status: 502, body: "<html>"},
		{name: "a session behind a proxy that refuses", config: session, prepare: cached(refreshable),
			variables: map[string]string{"AWS_ENDPOINT_URL_SSO_OIDC": "@"}, status: 403, body: "<html>"},
		{name: "a session with a broken token", config: session, prepare: cached("{"), says: "aws sso login", permanent: true},
		{name: "a session with half a token", config: session, prepare: cached("{}"), says: "aws sso login", permanent: true},
		{name: "a session whose new token cannot be kept", config: session, prepare: cached(refreshable), meanwhile: obstructed,
			variables: map[string]string{"AWS_ENDPOINT_URL_SSO_OIDC": "@"}, status: 200, body: `{"accessToken":"a","expiresIn":3600,"refreshToken":"r"}`,
			says: "on a disk that is not full"},
		{name: "an expired session of the old kind", config: legacy, prepare: cached(expired), says: "aws sso login", permanent: true},
		{name: "a token that is not accepted", config: legacy, prepare: cached(valid),
			variables: map[string]string{"AWS_ENDPOINT_URL_SSO": "@"}, status: 401, kind: "UnauthorizedException", body: `{}`, says: "aws sso login", permanent: true},
		{name: "a role of somebody else", config: session, prepare: cached(valid),
			variables: map[string]string{"AWS_ENDPOINT_URL_SSO": "@"}, status: 403, kind: "ForbiddenException", body: `{}`, says: "sso_role_name", permanent: true},
		{name: "too many", config: session, prepare: cached(valid),
			variables: map[string]string{"AWS_ENDPOINT_URL_SSO": "@"}, status: 429, kind: "TooManyRequestsException", body: `{}`},
		{name: "a machine without a role", config: profile,
			variables: map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "@", "AWS_EC2_METADATA_DISABLED": "false"}, status: 404, says: "set AWS_PROFILE", permanent: true},
		{name: "a machine whose metadata are off", config: profile,
			variables: map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "@", "AWS_EC2_METADATA_DISABLED": "false"}, status: 403, says: "set AWS_PROFILE", permanent: true},
		{name: "a machine that is throttled", config: profile,
			variables: map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "@", "AWS_EC2_METADATA_DISABLED": "false"}, status: 429, says: "does not give any"},
		{name: "no machine of AWS's", config: profile,
			variables: map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1", "AWS_EC2_METADATA_DISABLED": "false"}, says: "does not give any"},
		{name: "no machine of AWS's, and silence", config: profile,
			variables: map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "silent", "AWS_EC2_METADATA_DISABLED": "false"}, says: "does not give any"},
		{name: "a pod without an association", config: profile, variables: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "@/v1/credentials"},
			status: 404, body: "no association", says: "ECS or EKS", permanent: true},
		{name: "a pod whose agent is down", config: profile, variables: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "@/v1/credentials"},
			status: 500, body: "made up"},
		{name: "a pod without an agent", config: profile, variables: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"}, says: "agent"},
		{name: "a pod without its token", config: profile, variables: map[string]string{
			"AWS_CONTAINER_CREDENTIALS_FULL_URI": "@", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nowhere/token",
		}, says: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", permanent: true},
		{name: "a pod whose token has lines", config: profile, variables: map[string]string{
			"AWS_CONTAINER_CREDENTIALS_FULL_URI": "@", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "testdata/token",
		}, says: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", permanent: true},
		{name: "a web identity without a token", config: profile,
			variables: map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/x"}, says: "trust policy", permanent: true},
		{name: "an identity provider that does not answer", config: profile,
			variables: map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "testdata/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/x", "AWS_ENDPOINT_URL_STS": "@"},
			status:    400, body: "<ErrorResponse><Error><Code>IDPCommunicationError</Code><Message>made up</Message></Error></ErrorResponse>"},
		{name: "an identity provider that refuses", config: profile,
			variables: map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "testdata/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/x", "AWS_ENDPOINT_URL_STS": "@"},
			status:    403, body: "<ErrorResponse><Error><Code>IDPRejectedClaim</Code><Message>made up</Message></Error></ErrorResponse>", says: "trust policy", permanent: true},
		{name: "a process that is not there", config: profile + "credential_process = /nowhere/process\n", says: "credential_process", permanent: true},
		{name: "a process that fails", config: profile + "credential_process = false\n", says: "credential_process"},
		{name: "a process that talks nonsense", config: profile + "credential_process = echo hello\n", says: "credential_process", permanent: true},
		{name: "a process that gives nothing", config: profile + "credential_process = echo '{}'\n", says: "credential_process", permanent: true},
		{name: "a login without a token", config: login, says: "aws login", permanent: true},
		{name: "a login with half a token", config: login, prepare: loggedIn(`{"accessToken":{}}`), says: "aws login", permanent: true},
		{name: "a login whose token is just written", config: login, prepare: loggedIn(""), says: "aws login"},
		{name: "a login whose service is not to be reached", config: login, prepare: loggedIn(loginToken(t)),
			variables: map[string]string{"AWS_ENDPOINT_URL_SIGNIN": "http://127.0.0.1:1"}},
		{name: "a login whose service is down", config: login, prepare: loggedIn(loginToken(t)),
			variables: map[string]string{"AWS_ENDPOINT_URL_SIGNIN": "@"}, status: 500, kind: "InternalServerException", body: denied("server_error")},
	}
	for reason, says := range map[string]string{ // empty: it is temporary
		"TOKEN_EXPIRED": "aws login", "USER_CREDENTIALS_CHANGED": "aws login", "AUTHCODE_EXPIRED": "aws login", "INVALID_REQUEST": "aws login", "": "aws login",
		"INSUFFICIENT_PERMISSIONS": "signin:CreateOAuth2Token", "server_error": "", "SOMETHING_NEW": "",
	} {
		tests = append(tests, sourceTest{name: "a login that is refused, " + reason, config: login, prepare: loggedIn(loginToken(t)),
			variables: map[string]string{"AWS_ENDPOINT_URL_SIGNIN": "@"}, status: 403, kind: "AccessDeniedException", body: denied(reason),
			says: says, permanent: says != ""})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(test.config, "credential_process") {
				t.Skip("a shell of another kind says otherwise what it does not find")
			}
			config, _ := isolated(t)
			write(t, config, test.config)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if test.kind != "" {
					w.Header().Set("X-Amzn-Errortype", test.kind)
				}
				if test.meanwhile != nil {
					test.meanwhile(t, filepath.Dir(config))
				}
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			defer server.Close()
			t.Setenv("AWS_PROFILE", "p")
			t.Setenv("AWS_MAX_ATTEMPTS", "1")
			silent, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer silent.Close()
			for name, value := range test.variables {
				t.Setenv(name, strings.NewReplacer("@", server.URL, "silent", "http://"+silent.Addr().String()).Replace(value))
			}
			if test.prepare != nil {
				test.prepare(t, filepath.Dir(config))
			}
			c, err := load(t, "region=eu-west-1")
			require.NoError(t, err)
			err = getItem(soon(t), c.table())
			require.Error(t, err)
			do, permanent := advice(t.Context(), err)
			assert.Equal(t, test.permanent, permanent, "%v", err)
			says := cmp.Or(test.says, "the AWS credentials cannot be fetched at the moment")
			assert.Contains(t, do, says, "%v", err)
		})
	}
}
