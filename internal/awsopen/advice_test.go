package awsopen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/errtest"
)

// errorOf makes the error of a row, as the SDK wraps it.
func errorOf(r row) error {
	switch r.from {
	case kms: // what DynamoDB says of it, and S3; the former is sought in a text
		return storeError(&smithy.GenericAPIError{Code: "KMS." + r.code, Message: "made up"})
	case container:
		return storeError(fmt.Errorf("get identity: %w", containerError{r.status}))
	}
	var cause error = &smithy.GenericAPIError{Code: r.code, Message: "made up"}
	if r.text != "" {
		cause = errors.New("a: " + r.text + ": b")
	}
	if r.status != 0 {
		cause = answered(r.status, errors.New("made up"))
	}
	if r.from == store {
		return storeError(cause)
	}
	return storeError(fmt.Errorf("get identity: %w", &smithy.OperationError{ServiceID: r.from, OperationName: "Made", Err: cause}))
}

func storeError(err error) error {
	return fmt.Errorf("wrapped: %w", &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "GetItem", Err: err})
}

func answered(status int, err error) error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err}}
}

// containerError is like the SDK's, which is internal: it has both a code, mostly empty, and a status.
type containerError struct{ status int }

func (e containerError) Error() string                 { return ": made up" }
func (e containerError) ErrorCode() string             { return "" }
func (e containerError) ErrorMessage() string          { return "made up" }
func (e containerError) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }
func (e containerError) HTTPStatusCode() int           { return e.status }

func TestRows(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range rows {
		name := fmt.Sprint(r.from, " ", r.code, r.status, r.text)
		require.False(t, seen[name], "%s is there twice", name)
		seen[name] = true
		found, from := find(errorOf(r))
		assert.Equal(t, r, found, name)
		if r.text == "" {
			assert.Equal(t, r.from, from, name)
		}
		do, permanent := advice(errorOf(r))
		assert.Equal(t, r.lasting, permanent, name)
		errtest.Advice(t, Classify(errorOf(r)))
		assert.NotEmpty(t, do, "%s: the store would take it for its own service's", name)
		assert.True(t, strings.HasPrefix(r.source, "https://docs.aws.amazon.com/"), name)
		assert.True(t, r.advice != "" || !r.lasting, "%s: nobody says what to do", name)
		assert.True(t, r.lasting || !r.renew, "%s passes", name)
		if r.text == "" && r.status == 0 && r.from == store {
			do, permanent := advice(&smithy.GenericAPIError{Code: r.code}) // as a client says it that somebody has wrapped
			assert.Equal(t, r.advice, do, name)
			assert.Equal(t, r.lasting, permanent, name)
		}
		do, permanent = advice(fmt.Errorf("%w: %w", context.DeadlineExceeded, errorOf(r)))
		assert.Empty(t, do, "%s: the context has ended", name)
		assert.False(t, permanent, name)
	}
}

// This package does not judge an error without a row, from any service.
func TestNoRow(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		nil, errors.New("made up"),
		storeError(&types.ConditionalCheckFailedException{}),
		storeError(&smithy.GenericAPIError{Code: "AccessDeniedException", Message: "User: x is not authorized to perform: dynamodb:GetItem on resource: y"}),
		storeError(&smithy.GenericAPIError{Code: "ValidationException", Message: "The provided key element does not match the schema"}),
		storeError(answered(403, errors.New("a proxy's page"))),
	} {
		do, permanent := advice(err)
		assert.Empty(t, do, "%v", err)
		assert.False(t, permanent, "%v", err)
	}
	for _, err := range []error{
		storeError(&smithy.OperationError{ServiceID: "STS", Err: &smithy.GenericAPIError{Code: "Throttling"}}),
		storeError(&smithy.OperationError{ServiceID: "STS", Err: answered(502, errors.New("a proxy's page"))}),
		storeError(&smithy.OperationError{ServiceID: "STS", Err: errors.New("dial tcp: network is unreachable")}),
		storeError(&smithy.OperationError{ServiceID: "STS", Err: &smithy.GenericAPIError{Code: "UnrecognizedClientException"}}), // the store's
		storeError(&smithy.OperationError{ServiceID: "Signin", Err: &smithy.GenericAPIError{Code: "ResourceNotFoundException"}}),
		storeError(containerError{503}),
		storeError(&smithy.GenericAPIError{Code: "KMS.SomethingNewException"}),
	} {
		do, permanent := advice(err)
		assert.Contains(t, do, "at the moment", "%v", err)
		assert.False(t, permanent, "%v", err)
	}
}

// A signature of another time says nothing of the keys. The SDK corrects for the clock, and tries again.
func TestSkewedClock(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"DynamoDB", "STS"} {
		for _, code := range []string{"InvalidSignatureException", "SignatureDoesNotMatch"} {
			for _, message := range []string{"Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z", "Signature not yet current: 20260101T000000Z"} {
				err := storeError(&smithy.OperationError{ServiceID: from, Err: &smithy.GenericAPIError{Code: code, Message: message}})
				do, permanent := advice(err)
				assert.Contains(t, do, "set this machine's clock", "%v", err)
				assert.False(t, permanent, "%v", err)
			}
		}
	}
}

// What KMS says by way of DynamoDB and S3, as it has been seen.
func TestKeyErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		code, message, says string
		permanent           bool
	}{
		{"ValidationException", "KMS key disabled error: com.amazonaws.services.kms.model.DisabledException: arn:aws:kms:eu-west-1:1:key/x is disabled. (Service: AWSKMS; Status Code: 400; Error Code: DisabledException; Request ID: x; Proxy: null)", "enable it", true},
		{"ValidationException", "KMS validation error: com.amazonaws.services.kms.model.KMSInvalidStateException: arn:aws:kms:eu-west-1:1:key/x is pending deletion.", "cancel-key-deletion", true},
		{"ResourceNotFoundException", "KMS validation error: com.amazonaws.services.kms.model.NotFoundException: Key 'arn:aws:kms:eu-west-1:1:key/x' does not exist", "does not exist in this Region", true},
		{"AccessDeniedException", "KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: User: arn:aws:sts::1:assumed-role/x is not authorized to perform: kms:Decrypt on resource: y", "the action that the answer names", true},
		{"AccessDeniedException", "KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: The ciphertext refers to a customer master key that does not exist", "the answer says", true},
		{"AccessDenied", "User: arn:aws:iam::1:user/x is not authorized to perform: kms:GenerateDataKey on resource: y because no identity-based policy allows the kms:GenerateDataKey action", "the action that the answer names", true},
		{"KMS.DisabledException", "arn:aws:kms:eu-west-1:1:key/x is disabled.", "enable it", true},
		{"KMS.KMSInvalidStateException", "arn:aws:kms:eu-west-1:1:key/x is pending deletion.", "cancel-key-deletion", true},
		{"KMS.NotFoundException", "Key 'arn:aws:kms:eu-west-1:1:key/x' does not exist", "does not exist", true},
		{"KMS.ThrottlingException", "Rate exceeded", "at the moment", false},
		{"KMS.KeyUnavailableException", "made up", "at the moment", false},
	} {
		err := storeError(&smithy.GenericAPIError{Code: test.code, Message: test.message})
		do, permanent := advice(err)
		assert.Contains(t, do, test.says, test.message)
		assert.Equal(t, test.permanent, permanent, test.message)
		assert.False(t, refused(err), "other credentials are no other key")
	}
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
	const session = profile + "sso_session = work\nsso_account_id = 111122223333\nsso_role_name = r\n" +
		"[sso-session work]\nsso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start\n"
	const legacy = profile + "sso_account_id = 111122223333\nsso_role_name = r\nsso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start\n"
	expired := `{"accessToken":"a","expiresAt":"2020-01-01T00:00:00Z"}`
	refreshable := `{"accessToken":"a","expiresAt":"2020-01-01T00:00:00Z","clientId":"c","clientSecret":"s","refreshToken":"r"}`
	valid := `{"accessToken":"a","expiresAt":"` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `"}`
	for _, test := range []struct {
		name, config string
		prepare      func(t *testing.T, dir string)
		variables    map[string]string // @ is where the stand-in is
		status       int
		kind, body   string // what the stand-in answers
		says         string
		permanent    bool
	}{
		{name: "nothing", config: profile, says: "set AWS_PROFILE", permanent: true},
		{name: "a session without a token", config: session, says: "aws sso login", permanent: true},
		{name: "an expired session", config: session, prepare: cached(expired), says: "aws sso login", permanent: true},
		{name: "a session that cannot be refreshed", config: session, prepare: cached(refreshable),
			variables: map[string]string{"AWS_ENDPOINT_URL_SSO_OIDC": "@"}, status: 400, kind: "InvalidGrantException",
			body: `{"error":"invalid_grant"}`, says: "aws sso login", permanent: true},
		{name: "a session whose service is down", config: session, prepare: cached(refreshable),
			variables: map[string]string{"AWS_ENDPOINT_URL_SSO_OIDC": "@"}, status: 500, kind: "InternalServerException", body: `{}`},
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
		{name: "a pod without an association", config: profile, variables: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "@/v1/credentials"},
			status: 404, body: "no association", says: "ECS or EKS", permanent: true},
		{name: "a pod whose agent is down", config: profile, variables: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "@/v1/credentials"},
			status: 500, body: "made up"},
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
		{name: "a login without a token", config: profile + "login_session = arn:aws:iam::111122223333:user/x\n", says: "aws login", permanent: true},
	} {
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
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			defer server.Close()
			t.Setenv("AWS_PROFILE", "p")
			t.Setenv("AWS_MAX_ATTEMPTS", "1")
			for name, value := range test.variables {
				t.Setenv(name, strings.Replace(value, "@", server.URL, 1))
			}
			if test.prepare != nil {
				test.prepare(t, filepath.Dir(config))
			}
			c, err := load(t, "region=eu-west-1")
			require.NoError(t, err)
			err = getItem(soon(t), c.table())
			require.Error(t, err)
			do, permanent := advice(err)
			assert.Equal(t, test.permanent, permanent, "%v", err)
			assert.Contains(t, do, test.says, "%v", err)
			assert.NotEmpty(t, do, "%v", err)
		})
	}
}
