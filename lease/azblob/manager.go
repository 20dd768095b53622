package azblob

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	bloblease "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// limits are those of https://learn.microsoft.com/rest/api/storageservices/lease-blob, except that they exclude
// infinite leases, which would outlive their holder. Values are as long as in the other stores.
var limits = lease.Limits{MinLength: 15 * time.Second, MaxLength: time.Minute, LengthStep: time.Second, MaxValue: 48 << 10}

// Acquire looks at the lease, and takes it if nobody holds it.
func (m *manager) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	l, err := m.acquire(ctx, req)
	return l, m.explain("acquire", req.Name, err)
}

func (m *manager) acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	if err := req.Validate(limits); err != nil {
		return lease.Lease{}, err
	}
	if err := m.begin(ctx); err != nil {
		return lease.Lease{}, err
	}
	asked := time.Now()
	for range lease.MaxSwaps {
		sent := host.Monotonic()
		seen, err := m.look(ctx, req.Name)
		if err == nil && seen.etag == "" {
			seen, err = m.make(ctx, req.Name)
		}
		var l lease.Lease
		switch {
		case err == nil && seen.state == lease.Held:
			return lease.Lease{}, &lease.HeldError{Info: m.info(req.Name, seen)}
		case err == nil:
			if left := m.leftTo(req, seen, sent); left > 0 {
				info := m.info(req.Name, seen)
				info.RetryAfter = left
				return lease.Lease{}, &lease.HeldError{Info: info}
			}
			l, err = m.take(ctx, req, seen, asked)
		}
		if !errors.Is(err, lease.ErrConflict) {
			return l, err
		}
		// Another node was faster: see which.
	}
	return lease.Lease{}, lease.ErrTooManyConflicts
}

// take sends Acquire Lease and Set Blob Metadata, which leaves the value as it is (V1). It returns an ErrConflict if the blob has
// changed since it was seen, or if somebody has leased it.
//
// The token is greater than all before it (R5). Azure grants Acquire Lease only if the ETag is the one that was seen,
// and each write to the blob changes the ETag (https://learn.microsoft.com/azure/storage/blobs/concurrency-manage). So
// the token that was seen was the latest when the lease began. While the lease lasts, Azure lets nobody write without
// the lease's ID. It refuses Set Blob Metadata with the ID unless the lease still holds
// (https://learn.microsoft.com/rest/api/storageservices/lease-blob, the table of attempts to use a blob). So nobody has
// written in between, however long that took. A failed attempt may have written: then its token is skipped.
//
// A proxy that caches may drop the condition
// (https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header). The answer shows that: leasing does not change the
// ETag, as a recorded session of Azure's has it (sdk/storage/azure-storage-blob/tests/recordings in
// https://github.com/Azure/azure-sdk-for-python, test_common_blob.test_lease_blob_acquire_and_release.yaml, commit 24f40e3).
func (m *manager) take(ctx context.Context, req lease.Request, seen sight, asked time.Time) (lease.Lease, error) {
	leased, err := bloblease.NewBlobClient(m.container.NewBlobClient(m.blobName(req.Name)), nil) // with a random UUID
	if err != nil {
		return lease.Lease{}, err
	}
	id := leased.LeaseID()
	var granted bloblease.BlobAcquireResponse
	err = m.ask(ctx, leasedAs(*id), func(ctx context.Context) (err error) {
		granted, err = leased.AcquireLease(ctx, int32(req.Length/time.Second), &bloblease.BlobAcquireOptions{
			ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &seen.etag},
		})
		return err
	})
	if bloberror.HasCode(err, bloberror.LeaseAlreadyPresent, bloberror.LeaseIsBreakingAndCannotBeAcquired,
		bloberror.ConditionNotMet, bloberror.BlobNotFound) { // a clear refusal: there is nothing to give back
		return lease.Lease{}, fmt.Errorf("%w: %w", lease.ErrConflict, classify(ctx, err))
	}
	ours := record{
		token: seen.token + 1, id: *id, holder: req.Holder, length: req.Length, acquired: asked.Truncate(time.Millisecond),
		renewEvery: req.RenewEvery, attributes: maps.Clone(req.Attributes), value: seen.value, // V1
		history: seen.historyAfter(), heeds: lease.HeedsText(req.Heeds), hold: req.HoldAtLeast,
	}
	var etag azcore.ETag
	switch {
	case err == nil && *granted.ETag != seen.etag: // which the proof requires
		err = passedOver(*granted.ETag, seen.etag)
	case err == nil:
		only := &blob.AccessConditions{LeaseAccessConditions: &blob.LeaseAccessConditions{LeaseID: id}}
		etag, err = m.setMetadata(ctx, req.Name, ours.encode(seen.others), only, seen.etag)
	}
	if err != nil {
		return lease.Lease{}, m.failed(ctx, req, leased, seen, classify(ctx, err))
	}
	return ours.lease(req.Name, stored{digestOf(ours.value), ours.number, "", seen.others, etag}), nil
}

// passedOver is the error for a lease that was granted although the blob had changed.
func passedOver(found, seen azcore.ETag) error {
	return failure.Misconfigured(fmt.Sprintf("a lease was granted for the ETag %.40s, and was asked for %.40s", found, seen),
		"go round the proxy or cache that drops If-Match from requests: with it, two leaders may get one token")
}

// failed returns the error of an acquisition that failed, once it is abandoned. If abandon finds that somebody else has the
// lease, one more look says who.
func (m *manager) failed(ctx context.Context, req lease.Request, leased *bloblease.BlobClient, seen sight, err error) error {
	bound := lease.UndoTimeout(req.Length)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bound)
	defer cancel()
	if taken := m.abandon(ctx, bound, req.Name, leased, seen); !taken || errors.Is(err, lease.ErrMisconfigured) {
		return err
	}
	now, failed := m.look(ctx, req.Name)
	if failed != nil || now.state != lease.Held {
		return err
	}
	return &lease.HeldError{Info: m.info(req.Name, now), Err: err}
}

// abandon releases a lease that a failed acquisition may have got (R6), and reports whether somebody else has it. If there
// was no lease to release, the request for it may still be under way. That request is bound to the ETag that was seen, so
// writing the same metadata again changes the ETag and makes the request fail. abandon makes one attempt, and one more if
// there was no answer at all, to spare a busy service. If abandon fails, too, the lease simply runs out.
func (m *manager) abandon(ctx context.Context, bound time.Duration, name string, leased *bloblease.BlobClient, seen sight) (taken bool) {
	// A retry does no harm here: what a second attempt is told is as true. No status code calls for one.
	ctx = policy.WithRetryOptions(ctx, policy.RetryOptions{
		MaxRetries: 1, RetryDelay: 100 * time.Millisecond, TryTimeout: bound / 4, StatusCodes: []int{},
	})
	err := m.askWith(ctx, has(headerETag), func(ctx context.Context) error {
		_, err := leased.ReleaseLease(ctx, nil)
		return err
	})
	if !bloberror.HasCode(err, bloberror.LeaseNotPresentWithLeaseOperation, bloberror.LeaseIDMismatchWithLeaseOperation) {
		return false
	}
	b := m.container.NewBlobClient(m.blobName(name))
	taken = bloberror.HasCode(err, bloberror.LeaseIDMismatchWithLeaseOperation)
	_ = m.askWith(ctx, has(headerETag), func(ctx context.Context) error {
		_, err := b.SetMetadata(ctx, seen.encode(seen.others), &blob.SetMetadataOptions{
			AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &seen.etag}},
		})
		return err
	})
	return taken
}

// historyAfter returns the history of the record that replaces this one. When the term before ended, Azure does not show.
func (s sight) historyAfter() lease.History {
	if s.token == 0 {
		return ""
	}
	t := lease.PastTerm{Token: s.token, Holder: s.holder, Begun: s.acquired, How: lease.EndReleased}
	switch {
	case s.broken:
		t.How = lease.EndBroken
	case s.state == lease.Expired && s.hold > 0: // when it was last renewed, Azure does not show
		t.How = lease.EndLeft
	case s.state == lease.Expired:
		t.How = lease.EndExpired
	}
	return s.history.After(t)
}

func (r record) lease(name string, as stored) lease.Lease {
	return lease.Lease{
		Name: name, Holder: r.holder, ID: r.id, Token: r.token, Length: r.length, Attributes: maps.Clone(r.attributes),
		RenewEvery: r.renewEvery, Acquired: r.acquired, Version: as.version(r.length), Value: r.value, ValueNumber: r.number,
		History: r.history, Heeds: lease.HeedsIn(r.heeds), Wish: r.wish, HoldAtLeast: r.hold,
	}
}

func (m *manager) explain(op, name string, err error) error {
	if err == nil || errors.Is(err, lease.ErrHeld) { // the usual cases make no text
		return err
	}
	return lease.Explain(m.String(), op+" lease", name, err)
}
