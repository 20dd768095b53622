package azblob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/cloudlease/leader/lease"
)

// stored has all that a write to a lease's blob needs and the Lease does not have. The Lease's Version contains it.
type stored struct {
	digest string      // of the value
	number uint64      // of the change of value or attributes (V3)
	wish   string      // what somebody asks of the holder, as metadata have it
	others metadata    // other programs' metadata, to be written again
	etag   azcore.ETag // a write succeeds only if the blob still has it
}

func (s sight) stored() stored {
	return stored{digestOf(s.value), s.number, s.wishText(), s.others, s.etag}
}

// digestOf tells values apart, so that a Version need not contain them.
func digestOf(value string) string {
	if value == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:16])
}

// version begins with the length: Azure uses the length of the acquisition, whatever a Lease says.
func (s stored) version(length time.Duration) lease.Version {
	others := url.Values{}
	for key, value := range s.others {
		others.Set(key, *value)
	}
	return lease.Version(fmt.Sprintf("%s %d %s %s %s %s", length, s.number, s.digest, s.wish, others.Encode(), s.etag))
}

// hasLength reports whether the lease still has the length that it was acquired with.
func hasLength(l lease.Lease) bool {
	length, _, _ := strings.Cut(string(l.Version), " ")
	return length == l.Length.String()
}

// storedAs is the inverse of version.
func storedAs(v lease.Version) (s stored, err error) {
	parts := strings.SplitN(string(v), " ", 6)
	if len(parts) != 6 {
		return stored{}, fmt.Errorf("%w: %.40q is no version of this package", lease.ErrInvalid, v)
	}
	number, err := strconv.ParseUint(parts[1], 10, 64)
	others, err2 := url.ParseQuery(parts[4])
	if err = errors.Join(err, err2); err != nil {
		return stored{}, fmt.Errorf("%w: %.40q is no version of this package: %w", lease.ErrInvalid, v, err)
	}
	s = stored{digest: parts[2], number: number, wish: parts[3], others: metadata{}, etag: azcore.ETag(parts[5])}
	for key, values := range others {
		s.others[key] = &values[0]
	}
	return s, nil
}

// valueIn reads the value from an answer that shows it.
func (m *manager) valueIn(name string, got blob.DownloadStreamResponse) (string, error) {
	content, err := contentOf(got)
	switch {
	case err == nil && !utf8.Valid(content):
		return "", m.unreadable(name, errors.New("its content is not UTF-8, so it is no value"))
	case errors.Is(err, errLong):
		return "", m.unreadable(name, err)
	}
	return string(content), err
}

var errLong = fmt.Errorf("its content has more than %d bytes", lease.MaxCell)

// contentOf reads the content of a blob, of at most [lease.MaxCell] bytes.
func contentOf(got blob.DownloadStreamResponse) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(got.Body, lease.MaxCell+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the answer broke off: %w", err)
	case len(data) > lease.MaxCell:
		return nil, errLong
	case int64(len(data)) != *got.ContentLength:
		return nil, fmt.Errorf("the answer broke off: it has %d of %d bytes", len(data), *got.ContentLength)
	}
	return data, nil
}

// keep stores the lease's value and attributes, unless they are stored already, and returns the lease as it is stored: with a
// later change, if another call of this term has stored one (V3). An earlier attempt may have landed, or may yet (R4): the ETag
// decides between them, and no attempt outlives the lease.
//
// The answer to the renewal had the ETag renewed. If that differs from the one before, somebody has written: a wish, for example. If a
// look at it fails, the lease is renewed all the same, and the next renewal looks again.
func (m *manager) keep(ctx context.Context, held lease.Lease, was stored, renewed azcore.ETag) (lease.Lease, error) {
	ours := record{
		token: held.Token, id: held.ID, holder: held.Holder, length: held.Length, acquired: held.Acquired, renewEvery: held.RenewEvery,
		attributes: maps.Clone(held.Attributes), number: held.ValueNumber, value: held.Value,
		history: held.History, next: held.Next, heeds: lease.HeedsText(held.Heeds), wish: held.Wish, hold: held.HoldAtLeast,
	}
	if renewed != was.etag {
		now, err := m.again(ctx, held)
		switch {
		case err == nil:
			was = ours.adopt(now, held)
		case errors.Is(err, lease.ErrLost):
			return lease.Lease{}, err
		}
	}
	for range lease.MaxSwaps {
		if ours.number <= was.number && ours.next == "" && ours.wishText() == was.wish {
			return ours.lease(held.Name, was), nil
		}
		etag, err := m.write(ctx, held.Name, ours, was)
		if err == nil {
			return ours.lease(held.Name, stored{digestOf(ours.value), ours.number, ours.wishText(), was.others, etag}), nil
		}
		if !bloberror.HasCode(err, bloberror.ConditionNotMet) {
			return lease.Lease{}, err
		}
		now, err := m.again(ctx, held)
		if err != nil {
			return lease.Lease{}, err
		}
		was = ours.adopt(now, held)
	}
	return lease.Lease{}, lease.ErrTooManyConflicts
}

// again looks at a blob that has changed. It returns an error unless the blob still has the metadata of the lease.
func (m *manager) again(ctx context.Context, held lease.Lease) (sight, error) {
	now, err := m.look(ctx, held.Name)
	if err == nil {
		err = m.stillOf(held, now)
	}
	return now, err
}

// adopt takes over what others, and late attempts of this term, have written to a record of the same acquisition: a later change
// (V3), and a wish.
func (r *record) adopt(now sight, held lease.Lease) stored {
	if now.number > r.number {
		r.value, r.attributes, r.number = now.value, now.attributes, now.number
	}
	r.wish = now.wish.FoundBy(held)
	return now.stored()
}

// stillOf returns an error unless the metadata are still those of the lease. Whether that is lost, its blob's lease tells: a
// person may have edited the metadata. But a later acquisition can only follow its end.
func (m *manager) stillOf(held lease.Lease, now sight) error {
	switch {
	case now.etag == "":
		return &lease.LostError{Name: held.Name, Token: held.Token, Reason: lease.LostGone, Now: m.info(held.Name, now)}
	case now.token > held.Token:
		return &lease.LostError{Name: held.Name, Token: held.Token, Reason: lease.LostTaken, Now: m.info(held.Name, now)}
	case now.id != held.ID:
		return m.unreadable(held.Name, errors.New("its metadata are no longer those of this lease"))
	}
	return nil
}

// write sends Put Blob, which writes the content and all metadata, other programs' included; or Set Blob Metadata, if the value
// stays as it is. Either succeeds only while the lease is held and the blob as it was.
func (m *manager) write(ctx context.Context, name string, r record, was stored) (azcore.ETag, error) {
	only := &blob.AccessConditions{
		LeaseAccessConditions:    &blob.LeaseAccessConditions{LeaseID: &r.id},
		ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &was.etag},
	}
	if digestOf(r.value) == was.digest {
		return m.setMetadata(ctx, name, r.encode(was.others), only, was.etag)
	}
	return m.putBlob(ctx, m.blobName(name), []byte(r.value), r.encode(was.others), only)
}
