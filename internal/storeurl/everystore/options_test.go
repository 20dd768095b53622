package everystore

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	sdkdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/azblob"
	"github.com/cloudlease/leader/lease/dynamodb"
	"github.com/cloudlease/leader/lease/file"
	"github.com/cloudlease/leader/lease/gcs"
	"github.com/cloudlease/leader/lease/s3"
)

// A nil option may have been meant to name another place, where others look for the lease: so no call is sent, and each says why.
func TestANilOptionIsRefused(t *testing.T) {
	t.Parallel()
	storage, err := gcs.NewClient(t.Context(), option.WithoutAuthentication(), option.WithEndpoint("http://127.0.0.1:1"))
	require.NoError(t, err)
	blobs, err := container.NewClientWithNoCredential("http://127.0.0.1:1/account/leases", nil)
	require.NoError(t, err)
	table, bucket := sdkdynamodb.New(sdkdynamodb.Options{}), sdks3.New(sdks3.Options{})
	dir := t.TempDir()
	managers := map[string]lease.Manager{
		"file":     file.New(dir, nil, file.WithoutAge()),
		"dynamodb": dynamodb.New(table, "leases", dynamodb.WithPrefix("a/"), nil),
		"s3":       s3.New(bucket, "leases", nil, s3.WithPrefix("a/")),
		"gcs":      gcs.New(storage, "leases", nil, gcs.WithPrefix("a/")),
		"azblob":   azblob.New(blobs, nil, azblob.WithPrefix("a/")),
	}
	stores := map[string]lease.Store{
		"file": file.NewStore(dir, nil), "dynamodb": dynamodb.NewStore(table, "leases", nil), "s3": s3.NewStore(bucket, "leases", nil),
		"gcs": gcs.NewStore(storage, "leases", nil), "azblob": azblob.NewStore(blobs, nil),
	}
	for name, m := range managers {
		for _, a := range askedAll(t.Context(), m) {
			if a.tried == "look for it" && a.err == nil { // a read tells
				continue
			}
			require.ErrorIs(t, a.err, lease.ErrMisconfigured, "%s: %s", name, a.tried)
			require.ErrorContains(t, a.err, "of 2 is nil", "%s: %s", name, a.tried)
		}
		_, err := stores[name].Load(t.Context(), "orders")
		require.ErrorIs(t, err, lease.ErrMisconfigured, name)
		require.ErrorContains(t, err, "option 1 of 1 is nil", name)
	}
	require.ErrorContains(t, dynamodb.CreateTable(t.Context(), table, "leases", nil), "option 1 of 1 is nil")
}
