package azblob

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	bloblease "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"github.com/cloudlease/leader/lease"
)

// A sight is the result of one look at a blob.
type sight struct {
	record
	others metadata    // other programs' metadata, to be kept
	etag   azcore.ETag // identifies the record; empty: there is no blob
	state  lease.State
	broken bool // somebody broke the lease, and nobody has taken it since
}

// look sends one Get Blob. The primary endpoint shows every write that was acknowledged before, and one answer shows the record,
// its ETag and the lease's state at one moment.
func (m *manager) look(ctx context.Context, name string) (sight, error) {
	b := m.container.NewBlobClient(m.blobName(name))
	var got blob.DownloadStreamResponse
	err := m.ask(ctx, has(headerETag, headerLeaseState, headerContentLength), func(ctx context.Context) (err error) {
		got, err = b.DownloadStream(ctx, nil)
		return err
	})
	switch {
	case err == nil:
		defer func() { _ = got.Body.Close() }()
		s, err := m.read(name, got.Metadata, got.ETag, got.LeaseState)
		if err == nil && s.valued {
			s.value, err = m.valueIn(name, got)
		}
		if err != nil {
			return sight{}, classify(ctx, err)
		}
		return s, nil
	case bloberror.HasCode(err, bloberror.ContainerNotFound) && !m.create:
		return sight{}, classify(ctx, err)
	case isMissing(err):
		return sight{}, nil
	}
	return sight{}, classify(ctx, err)
}

// read interprets an answer about a blob. It returns an ErrRecord if the blob is not a lease's; but a blob that another
// program has leased counts as held until that program releases it.
func (m *manager) read(name string, all metadata, etag *azcore.ETag, state *bloblease.StateType) (sight, error) {
	if etag == nil || *etag == "" || state == nil {
		return sight{}, stray(http.StatusOK, "it has no ETag or no lease state")
	}
	s := sight{etag: *etag, state: stateOf(*state)}
	s.broken = *state == bloblease.StateTypeBreaking || *state == bloblease.StateTypeBroken
	var err error
	s.record, s.others, err = decode(all)
	if errors.Is(err, errForeign) && s.state == lease.Held {
		return s, nil
	}
	if err != nil {
		return sight{}, m.unreadable(name, err)
	}
	return s, nil
}

// unreadable is the error for a blob that is no lease's, or no longer.
func (m *manager) unreadable(name string, err error) error {
	todo := ": repair or remove it, or use another prefix"
	if errors.Is(err, lease.ErrNewer) {
		todo = ""
	}
	return fmt.Errorf("%w: blob %s: %w; it is left as it is%s", lease.ErrRecord, m.blobName(name), err, todo)
}

// stateOf translates Azure's states for a node that wants the lease. An unknown state is not free.
func stateOf(s bloblease.StateType) lease.State {
	switch s {
	case bloblease.StateTypeAvailable, bloblease.StateTypeBroken:
		return lease.Free
	case bloblease.StateTypeExpired:
		return lease.Expired
	}
	return lease.Held // leased; or breaking: without a holder, but not available before the break period is over
}

// info returns what a look showed. A held lease is Timed, as the store's own clock ends it, but Azure does not say
// when.
func (m *manager) info(name string, s sight) lease.Info {
	info := lease.Info{Name: name, State: s.state, Broken: s.broken, Timed: s.state == lease.Held}
	if s.token == 0 {
		return info
	}
	info.Holder, info.ID, info.Token = s.holder, s.id, s.token
	info.Length, info.Attributes, info.Acquired = s.length, maps.Clone(s.attributes), s.acquired
	info.RenewEvery, info.Version, info.Value = s.renewEvery, s.stored().version(s.length), s.value
	info.History, info.HoldAtLeast = s.history, s.hold
	if s.state == lease.Held {
		info.Heeds, info.Wish = lease.HeedsIn(s.heeds), s.wish
	}
	if s.released() {
		info.Next = s.next
	}
	if s.state == lease.Held {
		info.LookAfter = m.lookAfter(s.record, time.Now())
	}
	return info
}

// make creates the blob of a lease that was never taken. It returns an ErrConflict if another client was faster, and
// leaves that client's blob alone, which has the token (R5). It also returns an ErrConflict after it had to make the
// container.
func (m *manager) make(ctx context.Context, name string) (sight, error) {
	none := azcore.ETagAny
	only := &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &none}}
	etag, err := m.putBlob(ctx, m.blobName(name), nil, record{}.encode(nil), only)
	switch {
	case err == nil:
		return sight{etag: etag}, nil
	case bloberror.HasCode(err, bloberror.ContainerNotFound) && m.create:
		return sight{}, m.makeContainer(ctx)
	case bloberror.HasCode(err, bloberror.BlobAlreadyExists, bloberror.ConditionNotMet, bloberror.LeaseIDMissing):
		return sight{}, fmt.Errorf("%w: %w", lease.ErrConflict, classify(ctx, err))
	}
	return sight{}, classify(ctx, err)
}

// putBlob sends one Put Blob, and returns the new ETag.
func (m *manager) putBlob(ctx context.Context, blobName string, content []byte, all metadata, only *blob.AccessConditions) (azcore.ETag, error) {
	before := azcore.ETag("")
	if match := only.ModifiedAccessConditions.IfMatch; match != nil {
		before = *match
	}
	proof := func(h http.Header) string { return cmp.Or(has(headerModified)(h), rewritten(before)(h)) }
	var put blockblob.UploadResponse
	err := m.ask(ctx, proof, func(ctx context.Context) (err error) {
		put, err = m.container.NewBlockBlobClient(blobName).Upload(ctx, streaming.NopCloser(bytes.NewReader(content)), &blockblob.UploadOptions{
			Metadata: all, AccessConditions: only,
		})
		return err
	})
	if err != nil {
		return "", err
	}
	return *put.ETag, nil
}

// setMetadata sends one Set Blob Metadata, and returns the new ETag, which is not the one before.
func (m *manager) setMetadata(ctx context.Context, name string, all metadata, only *blob.AccessConditions, before azcore.ETag) (azcore.ETag, error) {
	var set blob.SetMetadataResponse
	err := m.ask(ctx, rewritten(before), func(ctx context.Context) (err error) {
		set, err = m.container.NewBlobClient(m.blobName(name)).SetMetadata(ctx, all, &blob.SetMetadataOptions{AccessConditions: only})
		return err
	})
	if err != nil {
		return "", err
	}
	return *set.ETag, nil
}

// makeContainer creates the container and then returns an ErrConflict, so that the caller begins again.
func (m *manager) makeContainer(ctx context.Context) error {
	if err := m.createContainer(ctx); err != nil && !bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		return classify(ctx, err)
	}
	return fmt.Errorf("%w: the container is new", lease.ErrConflict)
}

// isMissing reports whether Azure itself says that there is no blob; a 404 of something on the way does not count.
func isMissing(err error) bool {
	return bloberror.HasCode(err, bloberror.BlobNotFound, bloberror.ContainerNotFound, bloberror.ResourceNotFound)
}
