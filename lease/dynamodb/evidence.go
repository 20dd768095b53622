package dynamodb

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloudlease/leader/internal/foreign"
	"github.com/cloudlease/leader/lease"
)

// Which answers are the service's own? A filter, a captive portal or an intercepting proxy may answer anything with
// 200: nothing, {}, a page. {} alone is the default answer to PutItem, and to GetItem for a missing item, so every
// request asks for more. ReturnConsumedCapacity makes the answer name the table, at no cost. A write over an old
// version asks for the item that it replaced, and so for that version, which nobody else knows and no earlier answer
// has. A request ID would be weaker: an intercepting proxy may keep an answer's headers and replace its body. The SDK's
// check of the body's CRC32 would not help: it only logs a failure (v1.73).
//
// All of that is in the SDK's output. So it also holds for a client that somebody has wrapped, and for another
// implementation, which must fill in ConsumedCapacity and Attributes.

// named reports whether an answer names this table. It may name the table by its ARN if the request did.
func (t table) named(capacity *types.ConsumedCapacity) bool {
	return capacity != nil && t.is(capacity.TableName)
}

func (t table) is(name *string) bool {
	return name != nil && nameOf(*name) == nameOf(t.name)
}

// nameOf returns the table's name, also from arn:aws:dynamodb:eu-west-1:111122223333:table/leases.
func nameOf(nameOrARN string) string {
	_, name, isARN := strings.Cut(nameOrARN, ":table/")
	if isARN {
		return name
	}
	return nameOrARN
}

// written returns nil if the answer proves that the write over the old version was applied.
func (s *Store) written(out *sdk.PutItemOutput, key string, old lease.Version) error {
	if out == nil || !s.named(out.ConsumedCapacity) {
		return notDynamoDBs("it does not say that it wrote to this table")
	}
	was, _ := textOf(out.Attributes[versionAttribute])
	switch {
	case old == "" && len(out.Attributes) == 0:
		return nil
	case len(out.Attributes) == 0:
		return notDynamoDBs("it does not show the item that it replaced")
	case !s.keys.match(out.Attributes, key):
		return notDynamoDBs("it replaced another item than was asked for")
	case was != string(old):
		return &lease.MisconfiguredError{
			Err: fmt.Errorf("a write replaced the version %.40q, where its condition allows %.40q", was, old),
			Advice: "use the service itself, or a server that heeds conditions: this one, or something between, passes over conditions, and would " +
				"elect several leaders at once",
		}
	}
	return nil
}

// notDynamoDBs returns the error for an answer that is not the service's.
func notDynamoDBs(why string) error { return &foreign.Error{Service: "DynamoDB", Why: why} }

// described reports whether an answer describes this table.
func (t table) described(d *types.TableDescription) bool {
	return d != nil && (t.is(d.TableName) || aws.ToString(d.TableArn) == t.name)
}
