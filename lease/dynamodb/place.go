package dynamodb

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloudlease/leader/lease"
)

// MakePlace implements lease.PlaceMaker with CreateTable, if the client has it. The table has the Store's key.
// It is in the client's region, and has no other location. Of several calls at once, one has made the table; none, if the answer to
// that one was lost.
func (s *Store) MakePlace(ctx context.Context, location string) (made bool, err error) {
	if err := s.ready(); err != nil {
		return false, err
	}
	client, ok := s.client.(TableAPI)
	switch {
	case !ok:
		return false, fmt.Errorf("the client cannot create tables: %w", errors.ErrUnsupported)
	case location != "":
		return false, fmt.Errorf("%w: a table is where its URL's region is: name no other location", lease.ErrInvalid)
	}
	_, made, err = create(ctx, client, s.name, func(in *sdk.CreateTableInput) {
		in.KeySchema[0].AttributeName, in.AttributeDefinitions[0].AttributeName = &s.keys.partition, &s.keys.partition
		if s.keys.sort != "" {
			in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: &s.keys.sort, KeyType: types.KeyTypeRange})
			in.AttributeDefinitions = append(in.AttributeDefinitions,
				types.AttributeDefinition{AttributeName: aws.String(s.keys.sort), AttributeType: types.ScalarAttributeTypeS})
		}
	})
	return made && err == nil, err
}
