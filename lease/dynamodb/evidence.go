package dynamodb

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloudlease/leader/lease"
)

// What is an answer of the service's own? A filter, a captive portal or an intercepting proxy answers 200 with anything: nothing, {},
// a page. {} alone is what PutItem answers by default, and GetItem about an item that is missing, so every request asks for
// more. ReturnConsumedCapacity has the answer name the table, and costs nothing; a write over an old version is to show the
// item that it replaced, and so that version, which nobody else knows and which no earlier answer has. A request ID would be
// weaker: an intercepting proxy may leave the headers of an answer whose body it replaces. Nor does the SDK's check of the
// body's CRC32 do: it only logs that it failed (v1.73).
//
// All of that is in the SDK's output, so it holds for a client that somebody has wrapped as well, and for one of another
// making, which has to fill ConsumedCapacity and Attributes in.

// named tells whether an answer names this table. If the request named it by its ARN, so may the answer.
func (t table) named(capacity *types.ConsumedCapacity) bool {
	return capacity != nil && t.is(capacity.TableName)
}

func (t table) is(name *string) bool {
	return name != nil && nameOf(*name) == nameOf(t.name)
}

// nameOf is the table's name, also of arn:aws:dynamodb:eu-west-1:111122223333:table/leases.
func nameOf(nameOrARN string) string {
	_, name, isARN := strings.Cut(nameOrARN, ":table/")
	if isARN {
		return name
	}
	return nameOrARN
}

// written is nil if the answer proves that the write over the old version stands.
func (s *Store) written(out *sdk.PutItemOutput, key string, old lease.Version) error {
	if out == nil || !s.named(out.ConsumedCapacity) {
		return s.foreign("PutItem", "it does not say that it wrote to this table")
	}
	was, _ := textOf(out.Attributes[versionAttribute])
	switch {
	case old == "" && len(out.Attributes) == 0:
		return nil
	case len(out.Attributes) == 0:
		return s.foreign("PutItem", "it does not show the item that it replaced")
	case !s.keys.match(out.Attributes, key):
		return s.foreign("PutItem", "it replaced another item than was asked for")
	case was != string(old):
		return fmt.Errorf("%w: %v: a write replaced the version %.40q, where its condition allows %.40q: the server, or something between, passes over "+
			"conditions, and would elect several leaders at once: use the service itself, or a server that heeds them",
			lease.ErrMisconfigured, s.table, was, old)
	}
	return nil
}

// foreign is the error of an answer that is not the service's. It may pass: a portal lets people in.
func (t table) foreign(operation, why string) error {
	return fmt.Errorf("%v: the answer to %s is not DynamoDB's: %s: a proxy, a filter or another server answers in its place, so look at the endpoint "+
		"and at what is between", t, operation, why)
}

// described tells whether an answer describes this table.
func (t table) described(d *types.TableDescription) bool {
	return d != nil && (t.is(d.TableName) || aws.ToString(d.TableArn) == t.name)
}
