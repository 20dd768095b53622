package azblob

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/cloudlease/leader/lease"
)

// wishText returns the wish as metadata have it, bound to the term that it is asked of.
func (r record) wishText() string {
	if r.wish.Kind == "" {
		return ""
	}
	w := url.Values{"kind": {r.wish.Kind}, "state": {string(r.wish.State)}}
	for key, value := range map[string]string{"for": r.wish.For, "by": r.wish.By} {
		if value != "" {
			w.Set(key, value)
		}
	}
	if !r.wish.At.IsZero() {
		w.Set("at", r.wish.At.UTC().Format(rfc3339Milli))
	}
	return strconv.FormatUint(r.token, 10) + "+" + w.Encode()
}

// wishIn is the inverse, for the text without the token; anything but a wish is none.
func wishIn(text string) lease.Wish {
	values, err := url.ParseQuery(text)
	if err != nil {
		return lease.Wish{}
	}
	w := lease.Wish{Kind: values.Get("kind"), For: values.Get("for"), By: values.Get("by"), State: lease.WishState(values.Get("state"))}
	w.At, _ = time.Parse(time.RFC3339, values.Get("at"))
	if w.Check() != nil || !slices.Contains([]lease.WishState{lease.WishAsked, lease.WishBegun, lease.WishWithdrawn}, w.State) {
		return lease.Wish{}
	}
	return w
}

// Ask takes one look and one Set Blob Metadata, under the ID of the holder's lease, which its record publishes. It changes the blob's
// ETag, by which the holder's next renewal notices it. Renew Lease alone makes a lease last longer.
func (m *manager) Ask(ctx context.Context, seen lease.Info, w lease.Wish) error {
	err := w.Check()
	if err == nil {
		w.At, w.State = time.Now().UTC().Truncate(time.Millisecond), lease.WishAsked
		err = m.mark(ctx, seen.Name, func(now lease.Info) (lease.Wish, bool, error) {
			done, err := w.MayAsk(now, seen)
			return w, done, err
		})
	}
	return m.explain("ask the holder of", seen.Name, err)
}

// Withdraw does the same.
func (m *manager) Withdraw(ctx context.Context, seen lease.Info) error {
	return m.explain("withdraw a wish about", seen.Name, m.mark(ctx, seen.Name, func(now lease.Info) (lease.Wish, bool, error) {
		done, err := lease.MayWithdraw(now, seen)
		w := now.Wish
		w.State = lease.WishWithdrawn
		return w, done, err
	}))
}

// mark writes a wish into the metadata of a held lease, as change says.
func (m *manager) mark(ctx context.Context, name string, change func(now lease.Info) (w lease.Wish, done bool, err error)) error {
	if err := lease.CheckName(name); err != nil {
		return err
	}
	if err := m.begin(ctx); err != nil {
		return err
	}
	for range lease.MaxSwaps {
		now, err := m.look(ctx, name)
		if err == nil && now.state == lease.Held && now.token == 0 {
			err = fmt.Errorf("%w: blob %s is leased by somebody else's program: it is left to them", lease.ErrRecord, m.blobName(name))
		}
		if err != nil {
			return err
		}
		w, done, err := change(m.info(name, now))
		if done || err != nil {
			return err
		}
		r := now.record
		r.wish = w
		_, err = m.setMetadata(ctx, name, r.encode(now.others), &blob.AccessConditions{
			LeaseAccessConditions:    &blob.LeaseAccessConditions{LeaseID: &r.id},
			ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &now.etag},
		}, now.etag)
		// A conflict: the record has changed, or the lease is another one, is over or was broken. The next look shows which.
		if !bloberror.HasCode(err, bloberror.ConditionNotMet, bloberror.LeaseIDMismatchWithBlobOperation, bloberror.LeaseNotPresentWithBlobOperation,
			bloberror.LeaseLost) {
			return classify(ctx, err)
		}
	}
	return lease.ErrTooManyConflicts
}
