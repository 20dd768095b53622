package azblob

import (
	"context"
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	bloblease "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"github.com/cloudlease/leader/lease"
)

// Renew sends one Renew Lease. Azure grants it even after the lease ran out, if nobody has taken the lease since. If the value or
// the attributes have changed, one more write follows: Renew succeeds if both do. If somebody has written to the blob, as Ask does, one read and
// one write follow.
func (m *manager) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	var renewed lease.Lease
	err := m.with(ctx, held, func(leased *bloblease.BlobClient) (err error) {
		renewed, err = m.renew(ctx, leased, held)
		return err
	})
	return renewed, m.explain("renew", held.Name, err)
}

func (m *manager) renew(ctx context.Context, leased *bloblease.BlobClient, held lease.Lease) (lease.Lease, error) {
	was, err := storedAs(held.Version)
	if err == nil && !hasLength(held) {
		err = fmt.Errorf("%w: the length of a blob lease stays as it was acquired: release it, and acquire it anew", lease.ErrInvalid)
	}
	if err != nil {
		return lease.Lease{}, err
	}
	var renewed bloblease.BlobRenewResponse
	err = m.ask(ctx, leasedAs(held.ID), func(ctx context.Context) (err error) {
		renewed, err = leased.RenewLease(ctx, nil)
		return err
	})
	if err != nil {
		return lease.Lease{}, err
	}
	return m.keep(ctx, held, was, *renewed.ETag) // which the proof requires
}

// Release sends one Release Lease. The metadata stay, and with them the token (R5). It writes no value: one that no renewal has
// stored goes before it, by a whole renewal, as the lease may have run out (V2). So does the name of the next holder.
func (m *manager) Release(ctx context.Context, held lease.Lease) error {
	err := m.with(ctx, held, func(leased *bloblease.BlobClient) error {
		was, err := storedAs(held.Version)
		if err == nil && held.ValueNumber > was.number || held.Next != "" {
			held.Wish = lease.Wish{}
			_, err = m.renew(ctx, leased, held)
		}
		if err != nil {
			return err
		}
		return m.ask(ctx, has(headerETag, headerModified), func(ctx context.Context) error {
			_, err := leased.ReleaseLease(ctx, nil)
			return err
		})
	})
	return m.explain("release", held.Name, err)
}

// with runs do on a held lease, and returns a *LostError if the lease is lost.
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

// lost explains with one more look how the lease was lost, if err is a refusal that says so; otherwise it returns err.
func (m *manager) lost(ctx context.Context, held lease.Lease, err error) error {
	if errors.Is(err, lease.ErrLost) {
		return err
	}
	lost := &lease.LostError{Name: held.Name, Token: held.Token, Now: lease.Info{Name: held.Name}, Err: classify(ctx, err)}
	unclear := bloberror.HasCode(err, bloberror.LeaseLost, bloberror.LeaseNotPresentWithBlobOperation)
	switch {
	case isMissing(err):
		lost.Reason = lease.LostGone
		return lost
	case !unclear && !bloberror.HasCode(err, bloberror.LeaseIDMismatchWithLeaseOperation, bloberror.LeaseNotPresentWithLeaseOperation,
		bloberror.LeaseIsBrokenAndCannotBeRenewed, bloberror.LeaseIDMismatchWithBlobOperation):
		return lost.Err
	}
	now, err := m.look(ctx, held.Name)
	switch ours := now.id == held.ID; {
	case unclear && (err != nil || ours && now.state != lease.Free):
		return lost.Err // R4: it has run out, and can be renewed yet; or another call has renewed it since
	case err != nil:
		lost.Reason, lost.Err = lease.LostTaken, errors.Join(lost.Err, err) // a guess: only the loss is certain
	case now.etag == "":
		lost.Reason = lease.LostGone
	case ours && now.state == lease.Held:
		lost.Reason = lease.LostTaken // by a node that has not written its metadata yet (the blob has ours), or by a break that lasts
		lost.Now.State, lost.Now.Timed, lost.Now.Broken = now.state, true, now.broken
	case ours: // we released it; or somebody broke it, or wrote to the blob after it ran out
		lost.Reason, lost.Now = lease.LostReleased, m.info(held.Name, now)
	default:
		lost.Reason, lost.Now = lease.LostTaken, m.info(held.Name, now)
	}
	return lost
}

// Break takes one look and one Break Lease, without a period: from then on the holder cannot renew, and Azure grants
// the lease to nobody before the rest of it is over (https://learn.microsoft.com/rest/api/storageservices/lease-blob).
// If the blob has changed in between, it takes as many again.
//
// Azure grants a lease before the new holder has written its record, in one request more. A Break in between takes the lease from
// that holder, though it names the one before, and returns nil: that acquisition fails, and nobody leads for the lease's length.
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
	leased, err := bloblease.NewBlobClient(m.container.NewBlobClient(m.blobName(seen.Name)), nil)
	if err != nil {
		return err
	}
	for range lease.MaxSwaps {
		now, err := m.look(ctx, seen.Name)
		switch {
		case err != nil:
			return err
		case now.state != lease.Held, now.broken: // a broken lease runs out without another break
			return nil
		case now.token == 0:
			return fmt.Errorf("%w: blob %s is leased by somebody else's program: it is left to them", lease.ErrRecord, m.blobName(seen.Name))
		case now.id != seen.ID:
			return &lease.HeldError{Info: m.info(seen.Name, now)}
		}
		err = m.ask(ctx, has(headerETag, headerLeaseTime), func(ctx context.Context) error {
			_, err := leased.BreakLease(ctx, &bloblease.BlobBreakOptions{
				ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &now.etag},
			})
			return err
		})
		switch {
		case bloberror.HasCode(err, bloberror.LeaseNotPresentWithLeaseOperation): // the holder released it meanwhile
			return nil
		case !bloberror.HasCode(err, bloberror.ConditionNotMet): // else a wish or a value was written, or it was taken anew
			return classify(ctx, err)
		}
	}
	return lease.ErrTooManyConflicts
}
