package azblob

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/cloudlease/leader/lease"
)

// NewStore returns a Store of cells in the container, with a compare-and-swap by ETag conditions
// (https://learn.microsoft.com/azure/storage/blobs/concurrency-manage). It keeps what is no lease, as package checkpoint does: New's
// managers use Azure's own leases, and [lease.StoreOf] finds this store beside them. A cell is the content of a block blob, named as a
// lease's would be, and .json: so no cell is in the place of a lease. The store tells no Age.
//
// Load is one Get Blob, and Swap one Put Blob. List is one List Blobs a page, and one Get Blob for each cell. NewStore sends nothing and
// never fails: a problem with the container shows as an error of later calls.
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
	data, err := contentOf(got)
	if errors.Is(err, errLong) {
		err = fmt.Errorf("%w: blob %s: %w; it is left as it is", lease.ErrRecord, s.blobName(name), err)
	}
	if err != nil {
		return lease.Snapshot{}, err
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
	etag, err := s.m.putBlob(ctx, s.blobName(name), data, nil, &blob.AccessConditions{ModifiedAccessConditions: only})
	return lease.Version(etag), err
}

// List implements lease.Lister. It ends where a read fails for a reason that is not the cell's own, such as a missing permission.
func (s *store) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		for item, err := range s.m.blobs(ctx, prefix, container.ListBlobsInclude{}) {
			if err != nil {
				yield(lease.Cell{}, err)
				return
			}
			blob, ours := strings.CutSuffix(*item.Name, suffix)
			name, ok := s.m.leaseName(blob)
			if !ours || !ok {
				continue
			}
			c := lease.Cell{Name: name}
			c.Snapshot, c.Err = s.Load(ctx, name)
			if c.Err != nil && !errors.Is(c.Err, lease.ErrRecord) && !ofOneBlob(c.Err) { // the next would not be read, either
				yield(lease.Cell{}, c.Err)
				return
			}
			if (c.Err != nil || c.Snapshot.Version != "") && !yield(c, nil) { // else it is gone
				return
			}
		}
	}
}

// ofOneBlob reports whether Azure refused a read for the state of the blob itself: it is archived, say, or encrypted with somebody's own
// key. These are the answers of status 409, but for those about the container and the account.
func ofOneBlob(err error) bool {
	answer, ok := errors.AsType[*azcore.ResponseError](err)
	return ok && answer.StatusCode == http.StatusConflict &&
		!bloberror.HasCode(err, bloberror.ContainerBeingDeleted, bloberror.ContainerDisabled, "PublicAccessNotPermitted")
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
