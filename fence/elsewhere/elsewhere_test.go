package elsewhere_test

import (
	"context"
	"os"
	"sync"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulated"
	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

// A position is one of the examples'.
type position interface {
	claim(ctx context.Context) (int64, error)
	save(ctx context.Context, position int64) error
}

// An item's effect is another item.
type itemWithEffect struct{ itemPosition }

func (p itemWithEffect) save(ctx context.Context, position int64) error {
	return p.itemPosition.save(ctx, position, map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "effect"}})
}

// elsewhere makes a table or a bucket, and returns how a term opens the position in it.
var elsewhere = map[emulator.Service]func(t *testing.T) func(lease.Term) position{
	emulator.DynamoDB: func(t *testing.T) func(lease.Term) position {
		emulator.Need(t, emulator.DynamoDB)
		cfg, err := config.LoadDefaultConfig(t.Context())
		require.NoError(t, err)
		client, table := dynamodb.NewFromConfig(cfg), emulator.Name(t)
		_, err = client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
			TableName: &table, BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		})
		require.NoError(t, err)
		t.Cleanup(func() { _, _ = client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &table}) })
		return func(term lease.Term) position { return itemWithEffect{itemPosition{client, table, term}} }
	},
	emulator.S3: func(t *testing.T) func(lease.Term) position {
		place := emulated.Make(t, emulator.S3)
		cfg, err := config.LoadDefaultConfig(t.Context())
		require.NoError(t, err)
		client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
		return func(term lease.Term) position {
			return &objectPosition{client: client, bucket: place.Name, key: "position", term: term}
		}
	},
	emulator.GCS: func(t *testing.T) func(lease.Term) position {
		place := emulated.Make(t, emulator.GCS)
		client, err := storage.NewClient(t.Context())
		require.NoError(t, err)
		t.Cleanup(func() { _ = client.Close() })
		return func(term lease.Term) position {
			return &gcsPosition{object: client.Bucket(place.Name).Object("position"), term: term}
		}
	},
	emulator.Azure: func(t *testing.T) func(lease.Term) position {
		place := emulated.Make(t, emulator.Azure)
		client, err := container.NewClientFromConnectionString(os.Getenv("AZURE_STORAGE_CONNECTION_STRING"), place.Name, nil)
		require.NoError(t, err)
		return func(term lease.Term) position {
			return &blobPosition{client: client.NewBlockBlobClient("position"), term: term}
		}
	},
}

// terms are those with tokens 1, 2 and so on.
func terms(t *testing.T, open func(lease.Term) position, count int) (all []position) {
	for token := range count {
		ctx, _ := leadertest.Context(t, uint64(token)+1)
		term, _ := lease.TermFrom(ctx)
		all = append(all, open(term))
	}
	return all
}

// The examples elsewhere are fenced, too: the state stays as a claim has read it, though an old term writes all the time.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	for service, open := range elsewhere {
		t.Run(string(service), func(t *testing.T) {
			t.Parallel()
			const count = 8
			all := terms(t, open(t), count)
			position, err := all[0].claim(t.Context())
			require.NoError(t, err)
			require.Zero(t, position)
			for n := range count - 1 {
				old, next := all[n], all[n+1]
				saved, limit := position, position+1000 // what the old term writes
				var group sync.WaitGroup
				started := make(chan struct{})
				group.Go(func() {
					start := sync.OnceFunc(func() { close(started) })
					defer start()
					for {
						if err := old.save(t.Context(), saved+1); err != nil {
							assert.ErrorIs(t, err, lease.ErrLost)
							return
						}
						saved++
						start()
						if saved == limit {
							return // nothing stops it: the test fails below
						}
					}
				})
				<-started
				position, err = next.claim(t.Context())
				require.NoError(t, err)
				group.Wait()
				require.Equal(t, saved, position, "the old term has written after the claim")
				again, err := next.claim(t.Context())
				require.NoError(t, err, "a claim can be repeated")
				require.Equal(t, position, again)
				_, err = old.claim(t.Context())
				require.ErrorIs(t, err, lease.ErrLost)
			}
		})
	}
}

// A write whose answer was lost is found by the claim that follows: the same term goes on.
func TestElsewhereAfterALostAnswer(t *testing.T) {
	t.Parallel()
	for service, open := range elsewhere {
		t.Run(string(service), func(t *testing.T) {
			t.Parallel()
			opened := open(t)
			ctx, _ := leadertest.Context(t, 1)
			term, _ := lease.TermFrom(ctx)
			knows, unaware := opened(term), opened(term) // one term, which has forgotten what it wrote
			for _, p := range []position{unaware, knows} {
				_, err := p.claim(t.Context())
				require.NoError(t, err)
			}
			require.NoError(t, knows.save(t.Context(), 1))
			require.NoError(t, unaware.save(t.Context(), 2))
			position, err := knows.claim(t.Context())
			require.NoError(t, err)
			require.EqualValues(t, 2, position)
		})
	}
}
