package elsewhere_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	leasedb "github.com/cloudlease/leader/lease/dynamodb"
)

// An itemPosition is the position of a work, in an item of a table whose partition key is pk. The item has the token of the
// term that may move it, too.
type itemPosition struct {
	client *dynamodb.Client
	table  string
	term   lease.Term
}

// claim makes the item this term's, and reads it in the same request.
func (p itemPosition) claim(ctx context.Context) (position int64, err error) {
	out, err := p.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                 &p.table,
		Key:                       p.key(),
		UpdateExpression:          aws.String("SET #token = :mine"),
		ConditionExpression:       aws.String("attribute_not_exists(#token) OR #token <= :mine"),
		ExpressionAttributeNames:  map[string]string{"#token": "token"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":mine": p.token()},
		ReturnValues:              types.ReturnValueAllNew,
	})
	if _, refused := errors.AsType[*types.ConditionalCheckFailedException](err); refused {
		return 0, p.lost()
	}
	if err != nil {
		return 0, err
	}
	if at, ok := out.Attributes["position"].(*types.AttributeValueMemberN); ok {
		return strconv.ParseInt(at.Value, 10, 64)
	}
	return 0, nil // nobody has written one
}

// save moves the position and writes the effect, an item, in one transaction, if the token is still this term's.
func (p itemPosition) save(ctx context.Context, position int64, effect map[string]types.AttributeValue) error {
	_, err := p.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Update: &types.Update{
			TableName:                &p.table,
			Key:                      p.key(),
			UpdateExpression:         aws.String("SET #position = :position"),
			ConditionExpression:      aws.String("#token = :mine"),
			ExpressionAttributeNames: map[string]string{"#token": "token", "#position": "position"},
			ExpressionAttributeValues: map[string]types.AttributeValue{
				":mine": p.token(), ":position": &types.AttributeValueMemberN{Value: strconv.FormatInt(position, 10)},
			},
		}},
		{Put: &types.Put{TableName: &p.table, Item: effect}},
	}})
	if e, ok := errors.AsType[*types.TransactionCanceledException](err); ok && len(e.CancellationReasons) > 0 &&
		aws.ToString(e.CancellationReasons[0].Code) == "ConditionalCheckFailed" {
		return p.lost()
	}
	return err
}

func (p itemPosition) lost() error {
	return fmt.Errorf("%w: the position of %q is another term's, not that of token %d", lease.ErrLost, p.term.Name(), p.term.Token())
}

func (p itemPosition) key() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "position#" + p.term.Name()}}
}

func (p itemPosition) token() types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatUint(p.term.Token(), 10)}
}

// The same in DynamoDB: a condition on an item, which the term claims first.
func Example_dynamoDB() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	client := dynamodb.NewFromConfig(cfg)
	err = leader.New(
		leader.WithLeaseManager(leasedb.New(client, "leases")),
		leader.WithLeaseName("orders-projection"),
		leader.WhenStarted(func(ctx context.Context) error {
			term, _ := leader.TermFrom(ctx)
			p := itemPosition{client, "orders", term}
			position, err := p.claim(ctx)
			for err == nil {
				position++
				effect := map[string]types.AttributeValue{ // of the event at this position
					"pk": &types.AttributeValueMemberS{Value: "order#" + strconv.FormatInt(position, 10)},
				}
				err = p.save(ctx, position, effect)
			}
			return err
		}),
	).Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
}
