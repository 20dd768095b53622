package azblob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	bloblease "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"github.com/cloudlease/leader/lease"
)

// requestTimeout is how long a request may take, if ctx does not end before: as long as Azure itself takes for one
// before it gives up. https://learn.microsoft.com/rest/api/storageservices/setting-timeouts-for-blob-service-operations
const requestTimeout = 30 * time.Second

// once switches the SDK's retries off for what is sent with the context. So what was answered was sent within this call
// (R2), and a refusal is not that of a second attempt whose first one went through.
func once(ctx context.Context) context.Context {
	return policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1, TryTimeout: requestTimeout})
}

// A sight is what one look at a blob showed.
type sight struct {
	record
	others metadata    // other people's, to be kept
	etag   azcore.ETag // of the record, as the blob is empty; empty: there is no blob
	state  lease.State
}

// look is one Get Blob Properties. It shows all that was acknowledged before, as the primary endpoint does.
func (m *manager) look(ctx context.Context, name string) (sight, error) {
	b := m.container.NewBlobClient(m.blobName(name))
	got, err := b.GetProperties(once(ctx), nil)
	switch {
	case err == nil:
		return m.read(name, got.Metadata, got.ETag, got.LeaseState)
	case bloberror.HasCode(err, bloberror.ContainerNotFound) && !m.create:
		return sight{}, diagnose(err)
	case isMissing(err):
		return sight{}, nil
	}
	return sight{}, diagnose(err)
}

// read makes sense of what an answer says of a blob. It is ErrRecord if the blob is not a lease's; a blob of somebody
// else's who has leased it is held, and stays so for as long as they like.
func (m *manager) read(name string, all metadata, etag *azcore.ETag, state *bloblease.StateType) (sight, error) {
	if etag == nil || *etag == "" || state == nil {
		return sight{}, errors.New("the answer has no ETag or no lease state")
	}
	s := sight{etag: *etag, state: stateOf(*state)}
	var err error
	s.record, s.others, err = decode(all)
	if errors.Is(err, errForeign) && s.state == lease.Held {
		return s, nil
	}
	if err != nil {
		return sight{}, fmt.Errorf("%w: blob %s: %w; it is left as it is: repair or remove it, or use another prefix",
			lease.ErrRecord, m.blobName(name), err)
	}
	return s, nil
}

// stateOf is what Azure's states mean to somebody who wants the lease. A state that is not known is not free.
func stateOf(s bloblease.StateType) lease.State {
	switch s {
	case bloblease.StateTypeAvailable, bloblease.StateTypeBroken:
		return lease.Free
	case bloblease.StateTypeExpired:
		return lease.Expired
	}
	return lease.Held // leased; or breaking: nobody's any more, and not to be had until the break period is over
}

func (s sight) info(name string) lease.Info {
	info := lease.Info{Name: name, State: s.state}
	if s.token == 0 {
		return info
	}
	info.Holder, info.ID, info.Token = s.holder, s.id, s.token
	info.Length, info.Attributes, info.Acquired = s.length, maps.Clone(s.attributes), s.acquired
	info.Version = version(s.length, s.etag)
	return info
}

// version carries the length beside the ETag, as that is what Azure goes by, whatever a Lease says.
func version(length time.Duration, etag azcore.ETag) lease.Version {
	return lease.Version(length.String() + " " + string(etag))
}

// hasLength tells whether the lease still has the length that it was acquired with.
func hasLength(l lease.Lease) bool {
	length, _, _ := strings.Cut(string(l.Version), " ")
	return length == l.Length.String()
}

// make makes the blob of a lease that was never taken. If somebody is faster, that is an ErrConflict, and what they made
// is left alone, since it has the token (R5). So is a container that had to be made first.
func (m *manager) make(ctx context.Context, name string) (sight, error) {
	b := m.container.NewBlockBlobClient(m.blobName(name))
	none := azcore.ETagAny
	made, err := b.Upload(once(ctx), streaming.NopCloser(bytes.NewReader(nil)), &blockblob.UploadOptions{
		Metadata:         record{}.encode(nil),
		AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &none}},
	})
	switch {
	case err == nil && made.ETag != nil:
		return sight{etag: *made.ETag}, nil
	case err == nil:
		return sight{}, errors.New("the answer has no ETag")
	case bloberror.HasCode(err, bloberror.ContainerNotFound) && m.create:
		if _, err := m.container.Create(once(ctx), nil); err != nil && !bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
			return sight{}, diagnose(err)
		}
		return sight{}, fmt.Errorf("%w: the container is new", lease.ErrConflict)
	case bloberror.HasCode(err, bloberror.BlobAlreadyExists, bloberror.ConditionNotMet, bloberror.LeaseIDMissing):
		return sight{}, fmt.Errorf("%w: %w", lease.ErrConflict, diagnose(err))
	}
	return sight{}, diagnose(err)
}

// isMissing tells whether Azure itself says that there is no blob, and not something in between that knows no such URL.
func isMissing(err error) bool {
	return bloberror.HasCode(err, bloberror.BlobNotFound, bloberror.ContainerNotFound, bloberror.ResourceNotFound)
}
