package dynamodb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/lease"
)

// TableAPI is the part of the SDK's client that CreateTable uses.
type TableAPI interface {
	CreateTable(context.Context, *sdk.CreateTableInput, ...func(*sdk.Options)) (*sdk.CreateTableOutput, error)
	DescribeTable(context.Context, *sdk.DescribeTableInput, ...func(*sdk.Options)) (*sdk.DescribeTableOutput, error)
}

// CreateTable makes the table, billed by request, unless it exists. It waits until the table can be used: until ctx
// ends, lease.MakeTimeout at most. It only checks the key and the status of an existing table: an unusable one is an
// ErrMisconfigured.
//
// The changes are applied to the request in their order: provisioned throughput, tags, a KMS key, deletion protection,
// a table class; or another key, whose attributes must be of type S. Tell the Store about another key, too:
//
//	err := CreateTable(ctx, client, "leases", func(in *dynamodb.CreateTableInput) {
//		in.DeletionProtectionEnabled = aws.Bool(true)
//		in.SSESpecification = &types.SSESpecification{Enabled: aws.Bool(true), SSEType: types.SSETypeKms, KMSMasterKeyId: &key}
//	})
func CreateTable(ctx context.Context, client TableAPI, name string, changes ...func(*sdk.CreateTableInput)) error {
	t, _, err := create(ctx, client, name, changes...)
	if err != nil {
		return fmt.Errorf("%s: create the table: %w", t.url(nil), err)
	}
	return nil
}

// create does the work of CreateTable, and reports whether this call made the table. Its errors do not name the table.
func create(ctx context.Context, client TableAPI, name string, changes ...func(*sdk.CreateTableInput)) (t table, made bool, err error) {
	in := &sdk.CreateTableInput{
		TableName:            &name,
		BillingMode:          types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String(keyAttribute), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String(keyAttribute), AttributeType: types.ScalarAttributeTypeS}},
	}
	problem := failure.Apply(in, changes)
	t = tableOf(client, aws.ToString(in.TableName))
	if err := cmp.Or(problem, usable(client, t.name)); err != nil {
		return t, false, err
	}
	found, made, err := t.ensure(ctx, client, in)
	if err == nil && !fits(found, in) {
		err = &lease.MisconfiguredError{
			Err:    errors.New("the table is there, and has another key than " + keyText(in.KeySchema)),
			Advice: "name another table, or its key",
		}
	}
	return t, made, err
}

// ensure returns the table once it can be used, and whether this call made it.
func (t table) ensure(ctx context.Context, client TableAPI, in *sdk.CreateTableInput) (found *types.TableDescription, made bool, err error) {
	describe := &sdk.DescribeTableInput{TableName: in.TableName}
	out, err := client.DescribeTable(ctx, describe)
	found, err = t.describe(ctx, out, err)
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		_, err = client.CreateTable(ctx, in)
		if _, exists := errors.AsType[*types.ResourceInUseException](err); err != nil && !exists { // another node may have made it
			return nil, false, classify(ctx, err)
		}
		made = err == nil
		found, err = &types.TableDescription{TableStatus: types.TableStatusCreating}, nil
	}
	if err == nil && found.TableStatus == types.TableStatusCreating {
		wait := sdk.NewTableExistsWaiter(client, func(o *sdk.TableExistsWaiterOptions) {
			o.MinDelay, o.MaxDelay = time.Second, 5*time.Second // the SDK's own delays are for tables with data
		})
		out, err = wait.WaitForOutput(ctx, describe, lease.MakeTimeout)
		found, err = t.describe(ctx, out, err)
	}
	if err == nil {
		err = state(found)
	}
	return found, made, err
}

// state returns an error unless the table can be used.
func state(found *types.TableDescription) error {
	switch found.TableStatus {
	case types.TableStatusActive, types.TableStatusUpdating: // a table can be used during an update
		return nil
	case types.TableStatusDeleting:
		return errors.New("the table is being deleted: try again when it is gone")
	case types.TableStatusInaccessibleEncryptionCredentials, types.TableStatusArchiving, types.TableStatusArchived:
		return &lease.MisconfiguredError{
			Err:    fmt.Errorf("the table is %s", found.TableStatus),
			Advice: "give DynamoDB back its KMS key within seven days, or restore the table from its backup",
		} // https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SSEDescription.html
	}
	return fmt.Errorf("the table is in the state %.40q, in which it may not be used", found.TableStatus)
}

// describe returns the table in the answer to DescribeTable, or an error if the answer does not describe it.
func (t table) describe(ctx context.Context, out *sdk.DescribeTableOutput, err error) (*types.TableDescription, error) {
	switch {
	case err != nil:
		return nil, classify(ctx, err)
	case out == nil || !t.described(out.Table):
		return nil, notDynamoDBs("it does not describe this table")
	}
	return out.Table, nil
}

// fits reports whether the table has the key that was asked for, all of type S.
func fits(found *types.TableDescription, in *sdk.CreateTableInput) bool {
	if keyText(found.KeySchema) != keyText(in.KeySchema) {
		return false
	}
	for _, part := range found.KeySchema {
		if !slices.ContainsFunc(found.AttributeDefinitions, func(a types.AttributeDefinition) bool { // those of indexes, too
			return aws.ToString(a.AttributeName) == aws.ToString(part.AttributeName) && a.AttributeType == types.ScalarAttributeTypeS
		}) {
			return false
		}
	}
	return true
}

// keyText returns a key as errors show it.
func keyText(schema []types.KeySchemaElement) string {
	text := ""
	for _, kind := range []types.KeyType{types.KeyTypeHash, types.KeyTypeRange} {
		for _, part := range schema {
			switch {
			case part.KeyType != kind:
			case kind == types.KeyTypeHash:
				text += fmt.Sprintf("the partition key %.255q of type S", aws.ToString(part.AttributeName))
			default:
				text += fmt.Sprintf(" and the sort key %.255q of type S", aws.ToString(part.AttributeName))
			}
		}
	}
	if len(schema) == 1 {
		text += " and no sort key"
	}
	return text
}
