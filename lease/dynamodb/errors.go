package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"

	"github.com/cloudlease/leader/internal/awsopen"
	"github.com/cloudlease/leader/lease"
)

// A table names the leases' table in errors.
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

// isService reports whether the client's requests go to the service itself, as far as the client shows.
func isService(client any) bool {
	c, ok := client.(interface{ Options() sdk.Options })
	if !ok {
		return false
	}
	o := c.Options()
	//lint:ignore SA1019 it still works, and so counts
	return !awsopen.OwnEndpoint(o.BaseEndpoint, o.EndpointResolver, o.EndpointResolverV2, sdk.NewDefaultEndpointResolverV2())
}

func (t table) String() string {
	if t.region == "" {
		return fmt.Sprintf("table %q", t.name)
	}
	return fmt.Sprintf("table %q in %s", t.name, t.region)
}

// A meaning says what an error code of DynamoDB's means.
type meaning struct {
	conflict bool
	advice   string // what to do about a permanent error; %[1]v is the table, %[2]s the operation. Empty: it is temporary
	source   string
}

const (
	programming = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"
	common      = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/CommonErrors.html"
	permission  = "%[1]v refuses: allow dynamodb:%[2]s on it to this program's identity"
)

// meanings has DynamoDB's own codes; awsopen has those about credentials, accounts and KMS keys. Anything in neither is
// temporary: 5xx, network errors, and contexts that end.
var meanings = map[string]meaning{
	"ConditionalCheckFailedException":  {conflict: true, source: programming},
	"TransactionConflictException":     {conflict: true, source: programming},
	"ReplicatedWriteConflictException": {conflict: true, source: "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html#API_PutItem_Errors"},

	"ResourceNotFoundException": {advice: "%[1]v not found: create it with dynamodb.CreateTable, or name another", source: programming},
	"AccessDeniedException":     {advice: permission, source: programming},
	"AccessDenied":              {advice: permission, source: common},
	"NotAuthorized":             {advice: permission, source: common},
	"ValidationException": {advice: "%[1]v refuses this %[2]s: if its key is another than the partition key \"" + keyAttribute + "\" of type S and no sort " +
		"key, as dynamodb.CreateTable makes it, name it with WithPartitionKey and WithSortKey, or partition_key, sort_key and sort_value in the URL",
		source: programming},

	"ProvisionedThroughputExceededException":   {source: programming},
	"RequestLimitExceeded":                     {source: programming},
	"ThrottlingException":                      {source: programming},
	"ItemCollectionSizeLimitExceededException": {source: programming},
	"LimitExceededException":                   {source: programming},
	"ResourceInUseException":                   {source: programming},
	"InternalServerError":                      {source: programming},
	"ServiceUnavailable":                       {source: common},
	"InternalFailure":                          {source: common},
}

// explain marks a permanent error of an operation as ErrMisconfigured, and says what to do about it.
func (t table) explain(operation string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%v: %w", t, err)
	}
	switch do, forGood := awsopen.Advice(err); {
	case forGood:
		return fmt.Errorf("%w: %v: %s: %w", lease.ErrMisconfigured, t, do, err)
	case do != "":
		return fmt.Errorf("%v: %s: %w", t, do, err)
	case strings.Contains(err.Error(), "Missing Region"): // the SDK has no type for this error
		return fmt.Errorf("%w: no AWS region is set for table %q: set AWS_REGION, or region in the URL: %w", lease.ErrMisconfigured, t.name, err)
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return fmt.Errorf("%v: %w", t, err)
	}
	switch m := meanings[api.ErrorCode()]; {
	case m.conflict:
		return fmt.Errorf("%v: %w: %w", t, lease.ErrConflict, err)
	case m.advice != "":
		return fmt.Errorf("%w: %s: %w", lease.ErrMisconfigured, fmt.Sprintf(m.advice, t, operation), err)
	}
	return fmt.Errorf("%v: %w", t, err)
}
