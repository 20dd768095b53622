package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cloudlease/leader/lease"
)

// A table is what errors say of where the leases are.
type table struct {
	name   string
	region string // empty: unknown
}

func tableOf(client any, name string) table {
	t := table{name: name}
	if c, ok := client.(interface{ Options() sdk.Options }); ok {
		t.region = c.Options().Region
	}
	return t
}

func (t table) String() string {
	if t.region == "" {
		return fmt.Sprintf("table %q", t.name)
	}
	return fmt.Sprintf("table %q in %s", t.name, t.region)
}

// wanted is the table that leases need.
const wanted = `a table with the partition key "` + keyAttribute + `" of type S and no sort key, as dynamodb.CreateTable makes one`

// explain says whether the SDK's error will mend itself, and if it will not, what to do. The codes are those of
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html and
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/CommonErrors.html. Whatever is not named here,
// throttling, 5xx, networks and contexts that end, may mend itself.
func (t table) explain(err error) error {
	misconfigured := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s: %w", lease.ErrMisconfigured, fmt.Sprintf(format, args...), err)
	}
	operation, _ := errors.AsType[*smithy.OperationError](err)
	switch {
	case operation == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%v: %w", t, err)
	case noCredentials(operation):
		return misconfigured("there are no AWS credentials for %v: set AWS_PROFILE, or give this machine a role", t)
	case strings.Contains(err.Error(), "Missing Region"): // the SDK has no error of its own for this
		return misconfigured("no AWS region is set for table %q: set AWS_REGION, or region in the URL", t.name)
	}
	api, _ := errors.AsType[smithy.APIError](err)
	if api == nil {
		return fmt.Errorf("%v: %w", t, err)
	}
	switch api.ErrorCode() {
	case "ConditionalCheckFailedException", "TransactionConflictException", "ReplicatedWriteConflictException":
		return fmt.Errorf("%v: %w: %w", t, lease.ErrConflict, err)
	case "ResourceNotFoundException":
		return misconfigured("%v not found: create it with dynamodb.CreateTable, or name another", t)
	case "AccessDeniedException", "AccessDenied":
		return misconfigured("%v refuses: allow dynamodb:%s on it to this program's identity", t, operation.Operation())
	case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch",
		"IncompleteSignatureException", "MissingAuthenticationTokenException", "ExpiredTokenException", "ExpiredToken",
		"NotAuthorized", "OptInRequired":
		return misconfigured("the AWS credentials are not accepted for %v: renew or replace them", t)
	case "ValidationException":
		return misconfigured("%v cannot be used: leases need %s", t, wanted)
	}
	return fmt.Errorf("%v: %w", t, err)
}

// noCredentials tells whether the operation was never sent because nobody has credentials to sign it with, or because
// the service that gives them out refuses.
func noCredentials(operation *smithy.OperationError) bool {
	if _, ok := errors.AsType[*credentials.StaticCredentialsEmptyError](operation); ok {
		return true
	}
	if _, ok := errors.AsType[*ssocreds.InvalidTokenError](operation); ok {
		return true
	}
	source, _ := errors.AsType[*smithy.OperationError](operation.Err)
	if source == nil {
		return false
	}
	if source.ServiceID == "ec2imds" {
		return true // the last in the SDK's chain: there is no other source, and no role of the machine
	}
	api, _ := errors.AsType[smithy.APIError](source)
	answer, _ := errors.AsType[*smithyhttp.ResponseError](source)
	if api == nil || answer == nil || answer.HTTPStatusCode() >= http.StatusInternalServerError {
		return false
	}
	_, throttled := retry.DefaultThrottleErrorCodes[api.ErrorCode()]
	return !throttled
}
