package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// An operation around the client's, or of another client of the table, is no source of credentials: what it says is the table's answer.
func TestOtherClients(t *testing.T) {
	t.Parallel()
	refused := &types.ConditionalCheckFailedException{Message: aws.String("made up")}
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "made up"}
	within := func(err error, services ...string) error {
		for _, service := range services {
			err = &smithy.OperationError{ServiceID: service, OperationName: service + "Item", Err: err}
		}
		return err
	}
	for _, services := range [][]string{{"dax"}, {"DynamoDB", "cache"}} {
		require.ErrorIs(t, classify(t.Context(), within(refused, services...)), lease.ErrConflict)
		noRoute := errors.New("no routes found")
		require.EqualError(t, classify(t.Context(), within(noRoute, services...)), within(noRoute, services...).Error(), "nothing about credentials")
	}
	require.ErrorContains(t, classify(t.Context(), within(denied, "DynamoDB", "cache")), "allow dynamodb:DynamoDBItem on the table")
	require.ErrorContains(t, classify(t.Context(), within(denied, "dax")), "allow the action that the answer names on the table")

	unknown := classify(t.Context(), within(&smithy.GenericAPIError{Code: "ResourceNotFoundException"}, "Cognito Identity", "DynamoDB"))
	require.NotErrorIs(t, unknown, lease.ErrMisconfigured, "another service supplies the credentials")
	require.ErrorContains(t, unknown, "the AWS credentials cannot be fetched at the moment")
}

// A connection's own timeout is not the end of the call's context.
func TestTimeoutOfAConnection(t *testing.T) {
	t.Parallel()
	timeout := fmt.Errorf("i/o timeout: %w", context.DeadlineExceeded)
	role := &smithy.OperationError{ServiceID: "DynamoDB", Err: &smithy.OperationError{ServiceID: "STS", Err: timeout}}
	require.ErrorContains(t, classify(t.Context(), role), "the AWS credentials cannot be fetched at the moment")
	require.Equal(t, timeout, classify(t.Context(), timeout))

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stepped down"))
	require.ErrorContains(t, classify(ctx, role), "stepped down: ")
	require.NotContains(t, classify(ctx, role).Error(), "at the moment")
}
