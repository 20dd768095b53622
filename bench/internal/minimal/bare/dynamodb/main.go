// Command dynamodb reads and writes an item as lease/dynamodb does for an acquisition, with the SDK alone. Its arguments are
// the table and the item's key, which is new. It writes a line when it is done.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	client := dynamodb.NewFromConfig(cfg)
	key := map[string]types.AttributeValue{"lease": &types.AttributeValueMemberS{Value: os.Args[2]}}
	_, err = client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &os.Args[1], Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &os.Args[1], Item: key, ConditionExpression: aws.String("attribute_not_exists(lease)"),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("written")
}
