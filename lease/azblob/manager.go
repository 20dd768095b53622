package azblob

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	bloblease "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"github.com/cloudlease/leader/lease"
)

// https://learn.microsoft.com/rest/api/storageservices/lease-blob. An infinite lease, which there is, would outlive its
// holder.
var limits = lease.Limits{MinLength: 15 * time.Second, MaxLength: time.Minute, LengthStep: time.Second}

// maxTries bounds the tries of one acquisition. Each that is in vain needs somebody's write in the same moment.
const maxTries = 8

var errRestless = fmt.Errorf("%w, %d times in one call", lease.ErrConflict, maxTries)

// Acquire is one look, and if nobody has the lease, what take does.
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
	for range maxTries {
		seen, err := m.look(ctx, req.Name)
		if err == nil && seen.etag == "" {
			seen, err = m.make(ctx, req.Name)
		}
		var l lease.Lease
		switch {
		case err == nil && seen.state == lease.Held:
			info := seen.info(req.Name)
			info.LookAfter = m.lookAfter(seen.record, time.Now())
			return lease.Lease{}, &lease.HeldError{Info: info}
		case err == nil:
			l, err = m.take(ctx, req, seen)
		}
		if !errors.Is(err, lease.ErrConflict) {
			return l, err
		}
		// Somebody else was faster: look who.
	}
	return lease.Lease{}, errRestless
}

// take is Acquire Lease and Set Blob Metadata. It is an ErrConflict if the blob is no longer what was seen, or somebody
// has leased it.
//
// The token is greater than all before it (R5). Acquire Lease is granted only if the ETag is the one that was seen, and
// each Set Blob Metadata changes the ETag (https://learn.microsoft.com/azure/storage/blobs/concurrency-manage). So the
// token that was seen was the latest when the lease began. From then on until it ends, Azure lets nobody write without
// this lease's ID, and Set Blob Metadata with it is refused unless it still holds
// (https://learn.microsoft.com/rest/api/storageservices/lease-blob, the table of attempts to use a blob), so nobody has
// written in between, however long that took. That leasing leaves the ETag alone only spares retries. An attempt that
// failed may have written: then its token is skipped.
func (m *manager) take(ctx context.Context, req lease.Request, seen sight) (lease.Lease, error) {
	b := m.container.NewBlobClient(m.blobName(req.Name))
	leased, err := bloblease.NewBlobClient(b, nil) // with a random UUID
	if err != nil {
		return lease.Lease{}, err
	}
	id := leased.LeaseID()
	unchanged := &blob.ModifiedAccessConditions{IfMatch: &seen.etag}
	_, err = leased.AcquireLease(once(ctx), int32(req.Length/time.Second), &bloblease.BlobAcquireOptions{ModifiedAccessConditions: unchanged})
	if bloberror.HasCode(err, bloberror.LeaseAlreadyPresent, bloberror.LeaseIsBreakingAndCannotBeAcquired,
		bloberror.ConditionNotMet, bloberror.BlobNotFound) { // a clear no: there is nothing to give back
		return lease.Lease{}, fmt.Errorf("%w: %w", lease.ErrConflict, diagnose(err))
	}
	ours := record{
		token: seen.token + 1, id: *id, holder: req.Holder, length: req.Length, acquired: time.Now().Truncate(time.Millisecond),
		attributes: maps.Clone(req.Attributes),
	}
	var set blob.SetMetadataResponse
	if err == nil {
		set, err = b.SetMetadata(once(ctx), ours.encode(seen.others), &blob.SetMetadataOptions{
			AccessConditions: &blob.AccessConditions{LeaseAccessConditions: &blob.LeaseAccessConditions{LeaseID: id}},
		})
	}
	if err == nil && set.ETag == nil {
		err = errors.New("the answer has no ETag")
	}
	if err != nil {
		m.abandon(ctx, req, leased, seen)
		return lease.Lease{}, diagnose(err)
	}
	return ours.lease(req.Name, version(req.Length, *set.ETag)), nil
}

// abandon gives a lease back that an acquisition that failed may have got (R6), even if ctx has ended. If there was none
// to give back, the request for it may be still under way. It is bound to the ETag that was seen, so to write the same
// metadata again makes sure that it never gets it. If abandon fails, too, the lease runs out by itself.
func (m *manager) abandon(ctx context.Context, req lease.Request, leased *bloblease.BlobClient, seen sight) {
	bound := min(req.Length/3, 5*time.Second)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bound)
	defer cancel()
	// Here, retries do no harm: nobody is told what became of it.
	ctx = policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: 4, RetryDelay: 100 * time.Millisecond, TryTimeout: bound / 4})
	if _, err := leased.ReleaseLease(ctx, nil); err == nil {
		return
	}
	b := m.container.NewBlobClient(m.blobName(req.Name))
	_, _ = b.SetMetadata(ctx, seen.encode(seen.others), &blob.SetMetadataOptions{
		AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &seen.etag}},
	})
}

func (r record) lease(name string, version lease.Version) lease.Lease {
	return lease.Lease{
		Name: name, Holder: r.holder, ID: r.id, Token: r.token, Length: r.length, Attributes: maps.Clone(r.attributes),
		Acquired: r.acquired, Version: version,
	}
}

// Renew is one Renew Lease. Azure grants it also after the lease ran out, if nobody has taken it since.
func (m *manager) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	err := m.with(ctx, held, func(leased *bloblease.BlobClient) error {
		if !hasLength(held) {
			return fmt.Errorf("%w: the length of a blob lease stays as it was acquired: release it, and acquire it anew", lease.ErrInvalid)
		}
		_, err := leased.RenewLease(once(ctx), nil)
		return err
	})
	if err != nil {
		return lease.Lease{}, m.explain("renew", held.Name, err)
	}
	held.Attributes = maps.Clone(held.Attributes)
	return held, nil
}

// Release is one Release Lease. The metadata stay, so that the token does (R5).
func (m *manager) Release(ctx context.Context, held lease.Lease) error {
	err := m.with(ctx, held, func(leased *bloblease.BlobClient) error {
		_, err := leased.ReleaseLease(once(ctx), nil)
		return err
	})
	return m.explain("release", held.Name, err)
}

// with does something to the lease that is held. That it is lost shows as a *LostError.
func (m *manager) with(ctx context.Context, held lease.Lease, do func(*bloblease.BlobClient) error) error {
	if err := held.Validate(limits); err != nil {
		return err
	}
	if err := m.begin(ctx); err != nil {
		return err
	}
	leased, err := bloblease.NewBlobClient(m.container.NewBlobClient(m.blobName(held.Name)), &bloblease.BlobClientOptions{LeaseID: &held.ID})
	if err != nil {
		return err
	}
	if err := do(leased); err != nil {
		return m.lost(ctx, held, err)
	}
	return nil
}

// lost says how the lease came to be lost, if err is a refusal that says so, with one more look; else it is err.
func (m *manager) lost(ctx context.Context, held lease.Lease, err error) error {
	lost := &lease.LostError{Name: held.Name, Token: held.Token, Now: lease.Info{Name: held.Name}, Err: diagnose(err)}
	switch {
	case isMissing(err):
		lost.Reason = lease.LostGone
		return lost
	case !bloberror.HasCode(err, bloberror.LeaseIDMismatchWithLeaseOperation, bloberror.LeaseNotPresentWithLeaseOperation,
		bloberror.LeaseIsBrokenAndCannotBeRenewed):
		return lost.Err
	}
	now, err := m.look(ctx, held.Name)
	switch ours := now.id == held.ID; {
	case err != nil:
		lost.Reason, lost.Err = lease.LostTaken, errors.Join(lost.Err, err) // or not: that it is lost is certain
	case now.etag == "":
		lost.Reason = lease.LostGone
	case ours && now.state == lease.Held:
		lost.Reason = lease.LostTaken // by somebody who has not written their metadata yet, so these are still ours
		lost.Now.State = now.state
	case ours: // by ourselves; or somebody broke it, or wrote to the blob after it ran out
		lost.Reason, lost.Now = lease.LostReleased, now.info(held.Name)
	default:
		lost.Reason, lost.Now = lease.LostTaken, now.info(held.Name)
	}
	return lost
}

// Break is one look and one Break Lease, without a period: the holder cannot renew from then on, and Azure gives the lease
// to nobody before what was left of it is over (https://learn.microsoft.com/rest/api/storageservices/lease-blob).
func (m *manager) Break(ctx context.Context, seen lease.Info) error {
	return m.explain("break", seen.Name, m.takeAway(ctx, seen))
}

func (m *manager) takeAway(ctx context.Context, seen lease.Info) error {
	if err := lease.CheckName(seen.Name); err != nil {
		return err
	}
	if err := m.begin(ctx); err != nil {
		return err
	}
	now, err := m.look(ctx, seen.Name)
	switch {
	case err != nil:
		return err
	case now.state != lease.Held:
		return nil
	case now.token == 0:
		return fmt.Errorf("%w: blob %s is leased by somebody else's program: it is left to them", lease.ErrRecord, m.blobName(seen.Name))
	case now.id != seen.ID:
		return &lease.HeldError{Info: now.info(seen.Name)}
	}
	leased, err := bloblease.NewBlobClient(m.container.NewBlobClient(m.blobName(seen.Name)), nil)
	if err != nil {
		return err
	}
	_, err = leased.BreakLease(once(ctx), &bloblease.BlobBreakOptions{
		ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &now.etag},
	})
	if bloberror.HasCode(err, bloberror.LeaseNotPresentWithLeaseOperation) { // it was given back meanwhile
		return nil
	}
	return diagnose(err)
}

// Inspect is one look.
func (m *manager) Inspect(ctx context.Context, name string) (lease.Info, error) {
	err := lease.CheckName(name)
	if err == nil {
		err = m.begin(ctx)
	}
	var seen sight
	if err == nil {
		seen, err = m.look(ctx, name)
	}
	if err != nil {
		return lease.Info{}, m.explain("inspect", name, err)
	}
	return seen.info(name), nil
}

// List is one List Blobs for each page, of 5,000 blobs if the service likes. Blobs that are not named after a lease are
// passed over.
func (m *manager) List(ctx context.Context, prefix string) iter.Seq2[lease.Info, error] {
	return func(yield func(lease.Info, error) bool) {
		if err := m.begin(ctx); err != nil {
			yield(lease.Info{}, fmt.Errorf("%s: list leases %q: %w", m, prefix, err))
			return
		}
		from := m.blobName(prefix)
		opts := &container.ListBlobsFlatOptions{Prefix: &from, Include: container.ListBlobsInclude{Metadata: true}}
		if m.page > 0 {
			opts.MaxResults = &m.page
		}
		for pages := m.container.NewListBlobsFlatPager(opts); pages.More(); {
			page, err := pages.NextPage(once(ctx))
			if err == nil {
				err = checkPage(page)
			}
			if err != nil {
				yield(lease.Info{}, fmt.Errorf("%s: list leases %q: %w", m, prefix, diagnose(err)))
				return
			}
			for _, item := range page.Segment.BlobItems {
				name, ok := m.leaseName(*item.Name)
				if ok && !yield(m.listed(name, item), nil) {
					return
				}
			}
		}
	}
}

// checkPage keeps an answer that is no list, though it says 200, as a proxy's may, from being taken for one.
func checkPage(page container.ListBlobsFlatResponse) error {
	if page.Segment == nil {
		return errors.New("the answer is no list of blobs")
	}
	for _, item := range page.Segment.BlobItems {
		if item == nil || item.Name == nil || item.Properties == nil {
			return errors.New("the answer lists a blob without a name or properties")
		}
	}
	return nil
}

func (m *manager) listed(name string, item *container.BlobItem) lease.Info {
	seen, err := m.read(name, item.Metadata, item.Properties.ETag, item.Properties.LeaseState)
	if err != nil {
		return lease.Info{Name: name, Err: m.explain("list", name, err)}
	}
	return seen.info(name)
}

// explain says what was tried, on what. What a HeldError or a LostError says is enough.
func (m *manager) explain(op, name string, err error) error {
	if err == nil || errors.Is(err, lease.ErrHeld) || errors.Is(err, lease.ErrLost) {
		return err
	}
	return fmt.Errorf("%s: %s lease %q: %w", m, op, name, err)
}
