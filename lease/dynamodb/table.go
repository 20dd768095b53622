package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloudlease/leader/lease"
)

// TableAPI is what CreateTable uses of the SDK's client.
type TableAPI interface {
	CreateTable(context.Context, *sdk.CreateTableInput, ...func(*sdk.Options)) (*sdk.CreateTableOutput, error)
	DescribeTable(context.Context, *sdk.DescribeTableInput, ...func(*sdk.Options)) (*sdk.DescribeTableOutput, error)
}

// creating is how long a new table is waited for. It takes seconds.
const creating = 5 * time.Minute

// CreateTable makes the table, billed by request, unless it exists, and waits until it can be used: until ctx ends, five
// minutes at most. Of a table that exists it only looks at the key: one that does not fit is an ErrMisconfigured.
func CreateTable(ctx context.Context, client TableAPI, name string) error {
	t := tableOf(client, name)
	describe := &sdk.DescribeTableInput{TableName: &name}
	found, err := client.DescribeTable(ctx, describe)
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		found, err = create(ctx, client, name)
	}
	if err == nil && found.Table == nil { // a proxy's, which says 200 to all
		err = errors.New("the answer describes no table")
	}
	if err == nil && found.Table.TableStatus != types.TableStatusActive {
		wait := sdk.NewTableExistsWaiter(client, func(o *sdk.TableExistsWaiterOptions) {
			o.MinDelay, o.MaxDelay = time.Second, 5*time.Second // the SDK's own are made for tables with data
		})
		found, err = wait.WaitForOutput(ctx, describe, creating)
	}
	if err != nil {
		return fmt.Errorf("dynamodb: create table: %w", t.explain(err))
	}
	if !fits(found.Table) {
		return fmt.Errorf("dynamodb: create table: %w: %v is there and cannot be used: leases need %s: name another",
			lease.ErrMisconfigured, t, wanted)
	}
	return nil
}

// create begins to make the table. That somebody else has done so meanwhile is as good.
func create(ctx context.Context, client TableAPI, name string) (*sdk.DescribeTableOutput, error) {
	_, err := client.CreateTable(ctx, &sdk.CreateTableInput{
		TableName:            &name,
		BillingMode:          types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String(keyAttribute), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String(keyAttribute), AttributeType: types.ScalarAttributeTypeS}},
	})
	if _, exists := errors.AsType[*types.ResourceInUseException](err); err != nil && !exists {
		return nil, err
	}
	return &sdk.DescribeTableOutput{Table: &types.TableDescription{TableStatus: types.TableStatusCreating}}, nil
}

func fits(t *types.TableDescription) bool {
	if len(t.KeySchema) != 1 || aws.ToString(t.KeySchema[0].AttributeName) != keyAttribute {
		return false
	}
	for _, a := range t.AttributeDefinitions { // those of indexes are among them
		if aws.ToString(a.AttributeName) == keyAttribute {
			return a.AttributeType == types.ScalarAttributeTypeS
		}
	}
	return false
}
