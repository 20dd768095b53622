package overhead

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	bloblease "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"github.com/cloudlease/leader/bench/internal/minimal/places"
	"github.com/cloudlease/leader/lease/azblob"
)

func openAzure(ctx context.Context) (bare, ours steps, remove func(context.Context) error, err error) {
	p, err := places.Azure(ctx)
	if err != nil {
		return bare, ours, nil, err
	}
	if ours, err = oursBy(ctx, azblob.New(p.Client), azblob.New(p.Client)); err != nil {
		return bare, ours, p.Remove, err
	}
	bare, err = bareAzure(ctx, p.Client)
	return bare, ours, p.Remove, err
}

// bareAzure sends the requests of lease/azblob on other blobs, also without the client's own retries.
func bareAzure(ctx context.Context, c *container.Client) (steps, error) {
	kept, err := newLeased(ctx, c, bareRenewed)
	if err != nil {
		return steps{}, err
	}
	theirs, err := newLeased(ctx, c, bareHeld)
	if err != nil {
		return steps{}, err
	}
	taken, err := newLeased(ctx, c, bareAcquired)
	if err != nil {
		return steps{}, err
	}
	full, err := c.NewBlobClient(acquired).GetProperties(ctx, nil)
	if err != nil {
		return steps{}, err
	}
	taken.metadata = full.Metadata
	if err := taken.acquire(ctx); err != nil { // so that it has the metadata
		return steps{}, err
	}
	if err := taken.release(ctx); err != nil {
		return steps{}, err
	}
	return steps{
		renew: step{do: func(ctx context.Context) error {
			_, err := kept.lease.RenewLease(once(ctx), nil)
			return err
		}},
		poll: step{do: func(ctx context.Context) error {
			_, err := theirs.look(ctx)
			return err
		}},
		acquire: step{do: taken.acquire, after: taken.release},
	}, errors.Join(kept.acquire(ctx), theirs.acquire(ctx))
}

// leased is a blob and its lease.
type leased struct {
	blob     *blockblob.Client
	lease    *bloblease.BlobClient
	metadata map[string]*string
}

func newLeased(ctx context.Context, c *container.Client, name string) (*leased, error) {
	l := &leased{blob: c.NewBlockBlobClient(name), metadata: map[string]*string{}}
	if _, err := l.blob.Upload(ctx, streaming.NopCloser(bytes.NewReader(nil)), nil); err != nil {
		return nil, err
	}
	var err error
	l.lease, err = bloblease.NewBlobClient(l.blob, nil)
	if err != nil {
		return nil, err
	}
	for key, value := range map[string]string{ // as lease/azblob writes it
		"leader_format": "1", "leader_token": "1", "leader_id": *l.lease.LeaseID(), "leader_holder": holder,
		"leader_length": length.String(), "leader_acquired": "2026-01-02T15:04:05Z",
	} {
		l.metadata[key] = &value
	}
	return l, nil
}

// look reads the blob, which is empty.
func (l *leased) look(ctx context.Context) (*azcore.ETag, error) {
	seen, err := l.blob.DownloadStream(once(ctx), nil)
	if err != nil {
		return nil, err
	}
	return seen.ETag, seen.Body.Close()
}

// acquire reads the blob, takes the lease if the blob has not changed, and sets the metadata under the lease.
func (l *leased) acquire(ctx context.Context) error {
	etag, err := l.look(ctx)
	if err != nil {
		return err
	}
	_, err = l.lease.AcquireLease(once(ctx), int32(length/time.Second), &bloblease.BlobAcquireOptions{
		ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: etag},
	})
	if err != nil {
		return err
	}
	_, err = l.blob.SetMetadata(once(ctx), l.metadata, &blob.SetMetadataOptions{
		AccessConditions: &blob.AccessConditions{LeaseAccessConditions: &blob.LeaseAccessConditions{LeaseID: l.lease.LeaseID()}},
	})
	return err
}

func (l *leased) release(ctx context.Context) error {
	_, err := l.lease.ReleaseLease(once(ctx), nil)
	return err
}

func once(ctx context.Context) context.Context {
	return policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1, TryTimeout: 30 * time.Second})
}
