package awsopen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
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
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	seen := map[string]bool{}
	for _, r := range rows {
		name := fmt.Sprint(r.from, " ", r.code, r.status, r.text)
		require.False(t, seen[name], "%s is there twice", name)
		seen[name] = true
		found, facts := find(t.Context(), errorOf(r))
		assert.Equal(t, r, found, name)
		if r.text == "" {
			assert.Equal(t, r.from, facts.from, name)
		}
		do, permanent := advice(t.Context(), errorOf(r))
		assert.Equal(t, r.lasting, permanent, name)
		errtest.Advice(t, Classify(t.Context(), errorOf(r)))
		assert.NotEmpty(t, do, "%s: the store would take it for its own service's", name)
		assert.True(t, strings.HasPrefix(r.source, "https://docs.aws.amazon.com/") || r.source == signedUpNot, name)
		assert.True(t, r.advice != "" || !r.lasting, "%s: nobody says what to do", name)
		assert.True(t, r.lasting || !r.renew, "%s passes", name)
		if r.text == "" && r.status == 0 && r.from == store {
			do, permanent := advice(t.Context(), &smithy.GenericAPIError{Code: r.code}) // as a client says it that somebody has wrapped
			assert.Equal(t, r.advice, do, name)
			assert.Equal(t, r.lasting, permanent, name)
		}
		if r.text != "" { // as the SDK has it around the failure of a service
			silent := fmt.Errorf("a: %s: %w", r.text, &smithy.OperationError{ServiceID: "STS", Err: errors.New("dial tcp: network is unreachable")})
			do, permanent := advice(t.Context(), storeError(silent))
			assert.Equal(t, "the AWS credentials cannot be fetched at the moment", do, name)
			assert.False(t, permanent, name)
		}
		timeout := fmt.Errorf("%w: %w", context.DeadlineExceeded, errorOf(r))
		do, _ = advice(t.Context(), timeout)
		assert.NotEmpty(t, do, "%s: a connection's own timeout", name)
		do, permanent = advice(ended, timeout)
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
		&smithy.OperationError{ServiceID: "dax", Err: errors.New("no routes found")}, // another client of DynamoDB's tables
		&smithy.OperationError{ServiceID: "cache", Err: storeError(&types.ConditionalCheckFailedException{})},
	} {
		do, permanent := advice(t.Context(), err)
		assert.Empty(t, do, "%v", err)
		assert.False(t, permanent, "%v", err)
	}
	for _, err := range []error{
		storeError(&smithy.OperationError{ServiceID: "STS", Err: &smithy.GenericAPIError{Code: "Throttling"}}),
		storeError(&smithy.OperationError{ServiceID: "STS", Err: answered(502, errors.New("a proxy's page"))}),
		storeError(&smithy.OperationError{ServiceID: "STS", Err: errors.New("dial tcp: network is unreachable")}),
		storeError(&smithy.OperationError{ServiceID: "STS", Err: &smithy.GenericAPIError{Code: "UnrecognizedClientException"}}), // the store's
		storeError(&smithy.OperationError{ServiceID: "Signin", Err: &smithy.GenericAPIError{Code: "ResourceNotFoundException"}}),
		storeError(&smithy.OperationError{ServiceID: "Cognito Identity", Err: &smithy.GenericAPIError{Code: "ResourceNotFoundException"}}),
		storeError(&smithy.OperationError{ServiceID: "STS", Err: &smithy.OperationError{ServiceID: "cache", Err: errors.New("made up")}}),
		storeError(containerError{503}),
		storeError(&smithy.GenericAPIError{Code: "KMS.SomethingNewException"}),
	} {
		do, permanent := advice(t.Context(), err)
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
				do, permanent := advice(t.Context(), err)
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
		do, permanent := advice(t.Context(), err)
		assert.Contains(t, do, test.says, test.message)
		assert.Equal(t, test.permanent, permanent, test.message)
		assert.False(t, refused(t.Context(), err), "other credentials are no other key")
	}
}
