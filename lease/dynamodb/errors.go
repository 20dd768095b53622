package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"

	"github.com/cloudlease/leader/internal/absent"
	"github.com/cloudlease/leader/internal/awsopen"
	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

// A table is the leases' table, as its place's URL names it.
type table struct {
	name     string
	region   string // empty: unknown
	endpoint string // that the client's user named; empty: none, or one that may not be shown
}

// optionsOf returns the options of a client, if it shows them.
func optionsOf(client any) (sdk.Options, bool) {
	c, ok := client.(interface{ Options() sdk.Options })
	if !ok || absent.Is(client) {
		return sdk.Options{}, false
	}
	return c.Options(), true
}

func tableOf(client any, name string) table {
	o, _ := optionsOf(client)
	t := table{name: name, region: o.Region}
	if endpoint := aws.ToString(o.BaseEndpoint); storeurl.IsEndpoint(endpoint) {
		t.endpoint = endpoint
	}
	return t
}

// isService reports whether the client's requests go to the service itself over TLS, as far as the client shows. Without TLS, a proxy
// on the way may write its own Date.
func isService(client any) bool {
	o, ok := optionsOf(client)
	if !ok {
		return false
	}
	//lint:ignore SA1019 it still works, and so counts
	own := awsopen.OwnEndpoint(o.BaseEndpoint, o.EndpointResolver, o.EndpointResolverV2, sdk.NewDefaultEndpointResolverV2())
	return !own && !o.EndpointOptions.DisableHTTPS
}

// url returns the URL that names the table, with more of the place in the query.
func (t table) url(more map[string]string) string {
	query := map[string]string{"region": t.region, "endpoint": t.endpoint}
	maps.Copy(query, more)
	return storeurl.Place("dynamodb", t.name, "", query)
}

// A meaning says what an error code of DynamoDB's means.
type meaning struct {
	conflict bool
	advice   string // what to do about a permanent error; empty: it is temporary
	source   string
}

const (
	programming = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"
	common      = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/CommonErrors.html"
	permission  = "allow ACTION on the table to this program's identity" // ACTION stands for the action that the program needs
	badName     = "name a table as DynamoDB allows: 3 to 255 letters, digits, \"_\", \"-\" and \".\""
)

// ofName matches DynamoDB's messages about the name of a table that cannot be: "Invalid table/index name. Table/index names must be
// between 3 and 255 characters long, ...", "TableName must be at least 3 characters long ...", "Value 'x y' at 'tableName' failed to
// satisfy constraint ...".
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
var ofName = regexp.MustCompile(`(?i)\btable(/index)? ?names?\b`)

// meanings has DynamoDB's own codes; awsopen has those about credentials, accounts and KMS keys. Anything in neither is
// temporary: 5xx, network errors, and contexts that end.
var meanings = map[string]meaning{
	"ConditionalCheckFailedException":  {conflict: true, source: programming},
	"TransactionConflictException":     {conflict: true, source: programming},
	"ReplicatedWriteConflictException": {conflict: true, source: "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html#API_PutItem_Errors"},

	"ResourceNotFoundException": {advice: "create the table with dynamodb.CreateTable, or name another", source: programming},
	"AccessDeniedException":     {advice: permission, source: programming},
	"AccessDenied":              {advice: permission, source: common},
	"NotAuthorized":             {advice: permission, source: common},
	"ValidationException": {advice: "name the table's key with WithPartitionKey and WithSortKey, or partition_key, sort_key and sort_value in the URL, if it " +
		"is another than the partition key \"" + keyAttribute + "\" of type S and no sort key, as dynamodb.CreateTable makes it",
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

// classify returns what an error of the SDK means: an ErrConflict, or a lease.MisconfiguredError if it is permanent.
func classify(ctx context.Context, err error) error {
	if failure.Ended(ctx, err) {
		return failure.WithCause(ctx, err)
	}
	if known := awsopen.Classify(ctx, err); known != nil {
		return known
	}
	if strings.Contains(err.Error(), "Missing Region") { // the SDK has no type for this error
		return &lease.MisconfiguredError{Err: err, Advice: "set AWS_REGION, or region in the URL"}
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	switch m := meanings[api.ErrorCode()]; {
	case m.conflict:
		return fmt.Errorf("%w: %w", lease.ErrConflict, err)
	case api.ErrorCode() == "ValidationException" && ofName.MatchString(api.ErrorMessage()):
		return &lease.MisconfiguredError{Err: err, Advice: badName}
	case m.advice != "":
		return &lease.MisconfiguredError{Err: err, Advice: strings.Replace(m.advice, "ACTION", actionOf(err), 1)}
	}
	return err
}

// actionOf returns the permission that a refused operation needs.
func actionOf(err error) string {
	for operation, ok := errors.AsType[*smithy.OperationError](err); ok; operation, ok = errors.AsType[*smithy.OperationError](operation.Err) {
		if operation.ServiceID == sdk.ServiceID { // and not of a client around it
			return "dynamodb:" + operation.OperationName
		}
	}
	return "the action that the answer names" // the client has been wrapped
}
