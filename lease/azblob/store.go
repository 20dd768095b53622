package azblob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/cloudlease/leader/lease"
)

// NewStore returns a Store of cells in the container, with a compare-and-swap by ETag conditions
// (https://learn.microsoft.com/azure/storage/blobs/concurrency-manage). It keeps what is no lease, as package checkpoint does: New's
// managers use Azure's own leases, and [lease.StoreOf] finds this store beside them. A cell is the content of a block blob, named as a
// lease's would be, and .json: so no cell is in the place of a lease. The store tells no Age, and does not list.
//
// Load is one Get Blob, and Swap one Put Blob. NewStore sends nothing and never fails: a problem with the container shows as an
// error of later calls.
func NewStore(client *container.Client, opts ...Option) lease.Store {
	m, _ := New(client, opts...).(*manager)
	return &store{m}
}

// Store returns the store in the manager's container.
func (m *manager) Store() lease.Store { return &store{m} }

// store keeps cells beside the leases of a manager, by its client and its ways to ask.
type store struct{ m *manager }

func (s *store) String() string { return s.m.String() }

// suffix ends the name of a cell's blob. No lease's blob has a dot, as names are escaped.
const suffix = ".json"

func (s *store) blobName(name string) string { return s.m.blobName(name) + suffix }

// Load sends one Get Blob. A blob of more than [lease.MaxCell] bytes is an ErrRecord.
func (s *store) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	if err := s.ready(ctx, name); err != nil {
		return lease.Snapshot{}, err
	}
	var got blob.DownloadStreamResponse
	err := s.m.ask(ctx, has(headerETag, headerModified, headerContentLength), func(ctx context.Context) (err error) {
		got, err = s.m.container.NewBlobClient(s.blobName(name)).DownloadStream(ctx, nil)
		return err
	})
	switch {
	case bloberror.HasCode(err, bloberror.ContainerNotFound) && !s.m.create:
		return lease.Snapshot{}, classify(ctx, err)
	case isMissing(err):
		return lease.Snapshot{}, nil
	case err != nil:
		return lease.Snapshot{}, classify(ctx, err)
	}
	defer func() { _ = got.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(got.Body, lease.MaxCell+1))
	switch {
	case err != nil:
		return lease.Snapshot{}, fmt.Errorf("the answer broke off: %w", err)
	case len(data) > lease.MaxCell:
		return lease.Snapshot{}, fmt.Errorf("%w: blob %s has more than %d bytes; it is left as it is", lease.ErrRecord, s.blobName(name), lease.MaxCell)
	case int64(len(data)) != *got.ContentLength:
		return lease.Snapshot{}, fmt.Errorf("the answer broke off: it has %d of %d bytes", len(data), *got.ContentLength)
	}
	return lease.Snapshot{Data: data, Version: lease.Version(*got.ETag)}, nil
}

// Swap sends one Put Blob. Data that is not UTF-8 text of at most [lease.MaxCell] bytes is an ErrInvalid.
func (s *store) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	if err := s.ready(ctx, name); err != nil {
		return "", err
	}
	if err := lease.CheckCell(data); err != nil {
		return "", err
	}
	version, err := s.put(ctx, name, azcore.ETag(old), data)
	if bloberror.HasCode(err, bloberror.ContainerNotFound) && s.m.create && old == "" {
		if err = s.m.createContainer(ctx); err == nil || bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
			version, err = s.put(ctx, name, "", data)
		}
	}
	switch {
	case err == nil:
		return version, nil
	case bloberror.HasCode(err, bloberror.ConditionNotMet, bloberror.BlobAlreadyExists), old != "" && bloberror.HasCode(err, bloberror.BlobNotFound):
		return "", fmt.Errorf("%w: %w", lease.ErrConflict, err)
	}
	return "", classify(ctx, err)
}

func (s *store) put(ctx context.Context, name string, old azcore.ETag, data []byte) (lease.Version, error) {
	only := &blob.ModifiedAccessConditions{IfMatch: &old}
	if old == "" {
		none := azcore.ETagAny
		only = &blob.ModifiedAccessConditions{IfNoneMatch: &none}
	}
	var put blockblob.UploadResponse
	proof := func(h http.Header) string {
		if missing := has(headerModified)(h); missing != "" {
			return missing
		}
		return rewritten(old)(h)
	}
	err := s.m.ask(ctx, proof, func(ctx context.Context) (err error) {
		put, err = s.m.container.NewBlockBlobClient(s.blobName(name)).Upload(ctx, streaming.NopCloser(bytes.NewReader(data)), &blockblob.UploadOptions{
			AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: only},
		})
		return err
	})
	if err != nil {
		return "", err
	}
	return lease.Version(*put.ETag), nil
}

// ready reports why no request can be sent for the cell.
func (s *store) ready(ctx context.Context, name string) error {
	if err := lease.CheckName(name); err != nil {
		return err
	}
	if blob := s.blobName(name); len(blob) > maxBlobName {
		return fmt.Errorf("%w: the blob of cell %q would have a name of %d bytes, more than %d", lease.ErrInvalid, name, len(blob), maxBlobName)
	}
	return s.m.begin(ctx)
}
