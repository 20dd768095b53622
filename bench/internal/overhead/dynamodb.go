package overhead

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloudlease/leader/bench/internal/minimal/places"
	"github.com/cloudlease/leader/lease/dynamodb"
)

func openDynamoDB(ctx context.Context) (bare, ours steps, remove func(context.Context) error, err error) {
	p, err := places.DynamoDB(ctx)
	if err != nil {
		return bare, ours, nil, err
	}
	if ours, err = oursBy(ctx, dynamodb.New(p.Client, p.Name), dynamodb.New(p.Client, p.Name)); err != nil {
		return bare, ours, p.Remove, err
	}
	bare, err = bareBy(ctx, items{p.Client, p.Name}, dynamodb.NewStore(p.Client, p.Name))
	return bare, ours, p.Remove, err
}

// items are cells in a table, written as lease/dynamodb writes them.
type items struct {
	client *sdk.Client
	table  string
}

func (c items) read(ctx context.Context, key string) (version string, err error) {
	out, err := c.client.GetItem(ctx, &sdk.GetItemInput{
		TableName:      &c.table,
		Key:            map[string]types.AttributeValue{"lease": text(key)},
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return "", err
	}
	found, ok := out.Item["version"].(*types.AttributeValueMemberS)
	if !ok {
		return "", errors.New("the item has no version")
	}
	return found.Value, nil
}

func (c items) write(ctx context.Context, key, old string, data []byte) (version string, err error) {
	version = rand.Text()
	in := &sdk.PutItemInput{
		TableName: &c.table,
		Item: map[string]types.AttributeValue{
			"lease": text(key), "data": text(string(data)), "version": text(version), "written": text("2026-01-02T15:04:05.123456789Z"),
		},
		ConditionExpression:      aws.String("attribute_not_exists(#is)"),
		ExpressionAttributeNames: map[string]string{"#is": "lease"},
	}
	if old != "" {
		in.ConditionExpression = aws.String("#is = :old")
		in.ExpressionAttributeNames["#is"] = "version"
		in.ExpressionAttributeValues = map[string]types.AttributeValue{":old": text(old)}
	}
	_, err = c.client.PutItem(ctx, in)
	return version, err
}

func text(s string) *types.AttributeValueMemberS { return &types.AttributeValueMemberS{Value: s} }
