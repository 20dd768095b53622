package azblob

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloudlease/leader/lease"
)

// A record's format rises only when a reader of the previous format would act unsafely: one that does not know values would
// show none. So a record without a value keeps the older format.
const (
	formatPlain = 1
	formatValue = 2 // the blob's content is the lease's value; in format 1, it means nothing
)

// The names are C# identifiers, and the values ASCII, because both travel as headers. Together they stay well below the
// 8 KiB of a blob's metadata: the holder has at most 255 bytes and the attributes 1 KiB, and escaping triples that at
// most.
// https://learn.microsoft.com/rest/api/storageservices/setting-and-retrieving-properties-and-metadata-for-blob-resources
const (
	keyFormat     = "leader_format"
	keyToken      = "leader_token"
	keyID         = "leader_id"
	keyHolder     = "leader_holder"
	keyLength     = "leader_length"
	keyAcquired   = "leader_acquired"    // by the holder's wall clock: for people, and to guess when it renews
	keyRenewEvery = "leader_renew_every" // a hint; anything but a duration counts as none
	keyAttributes = "leader_attributes"
	keyNumber     = "leader_value_number"  // counts the changes of value and attributes in this term (V3)
	keyNext       = "leader_next"          // of a released lease: its token, and to whom others leave it at first
	keyHeeds      = "leader_heeds"         // the token, and the kinds of wishes that its holder acts on
	keyWish       = "leader_wish"          // the token, and what somebody asks of its holder; anything but a wish counts as none
	keyHold       = "leader_hold_at_least" // the token, and how long its holder keeps the lease at least; anything else counts as none
	keyHistory    = "leader_history"       // of the terms before: for people; anything but a history counts as none
)

// roomWithHistory is how large the metadata of a record with a history may be, as records of other stores: a history that needs
// more is shortened.
const roomWithHistory = 1 << 10

const rfc3339Milli = "2006-01-02T15:04:05.000Z07:00"

// A record is the lease in a blob's metadata, and its value, which is the blob's content. Each acquisition writes the metadata.
// The holder writes both when it changes the value. They do not change when the lease is merely renewed, is released or runs
// out: Azure's own lease state shows that.
type record struct {
	token      uint64 // 0: the lease was never taken, and the fields below are empty
	id         string // of the blob lease
	holder     string
	length     time.Duration
	acquired   time.Time
	renewEvery time.Duration // 0: unknown
	attributes map[string]string
	number     uint64 // of the change of value or attributes in this term; 0: they are as acquired
	value      string
	valued     bool // the blob's content is the value, by the format that was read
	history    lease.History
	next       string        // to whom others leave the lease at first, once it is released
	heeds      string        // the kinds of wishes that the holder acts on
	hold       time.Duration // Request.HoldAtLeast; 0: not said
	wish       lease.Wish
}

// format returns the oldest format whose readers understand the record.
func (r record) format() int {
	if r.value != "" {
		return formatValue
	}
	return formatPlain
}

// metadata are a blob's, by case-insensitive names. A value is never nil.
type metadata map[string]*string

// errForeign is the error of decode for a blob that was not made for a lease.
var errForeign = errors.New("it is not a lease: it has no " + keyFormat + " in its metadata")

// encode adds the record, except for its value, to other programs' metadata.
func (r record) encode(others metadata) metadata {
	all := metadata{}
	maps.Copy(all, others)
	size := 0
	set := func(key, value string) {
		all[key] = &value
		size += len(key) + len(value)
	}
	set(keyFormat, strconv.Itoa(r.format()))
	if r.token == 0 {
		return all
	}
	set(keyToken, strconv.FormatUint(r.token, 10))
	set(keyID, url.QueryEscape(r.id))
	set(keyHolder, url.QueryEscape(r.holder))
	set(keyLength, r.length.String())
	set(keyAcquired, r.acquired.UTC().Format(rfc3339Milli))
	if r.renewEvery > 0 {
		set(keyRenewEvery, r.renewEvery.String())
	}
	if len(r.attributes) > 0 { // an empty header might get lost
		attributes := url.Values{}
		for key, value := range r.attributes {
			attributes.Set(key, value)
		}
		set(keyAttributes, attributes.Encode())
	}
	if r.number > 0 {
		set(keyNumber, strconv.FormatUint(r.number, 10))
	}
	hold := ""
	if r.hold > 0 {
		hold = r.hold.String()
	}
	for key, text := range map[string]string{keyNext: r.next, keyHeeds: r.heeds, keyHold: hold} {
		if text != "" { // with the token: an older program keeps it as somebody else's when it acquires the lease
			set(key, url.QueryEscape(strconv.FormatUint(r.token, 10)+" "+text))
		}
	}
	if r.wish.Kind != "" { // not counted, as it stands for a few renewals
		asked := r.wishText()
		all[keyWish] = &asked
	}
	if history := fitting(r.history, roomWithHistory-size-len(keyHistory)); history != "" {
		set(keyHistory, history)
	}
	return all
}

// fitting returns the latest terms of a history, as metadata have them: as many as there is room for.
func fitting(h lease.History, room int) string {
	text := url.QueryEscape(string(h))
	for len(text) > max(room, 0) {
		h = h.Fit(len(h) - 1)
		text = url.QueryEscape(string(h))
	}
	return text
}

// decode is the inverse of encode, and returns other programs' metadata separately. Its errors say what is wrong.
func decode(all metadata) (r record, others metadata, err error) {
	ours, others := map[string]string{}, metadata{}
	for key, value := range all {
		switch lower := strings.ToLower(key); lower { // Go's HTTP client changes the case of headers
		case keyFormat, keyToken, keyID, keyHolder, keyLength, keyAcquired, keyRenewEvery, keyAttributes, keyNumber, keyNext, keyHeeds, keyHold, keyWish, keyHistory:
			ours[lower] = *value
		default:
			others[key] = value
		}
	}
	if len(ours) == 0 {
		return record{}, nil, errForeign
	}
	// Check the format first: a newer one may use the other keys in another way.
	switch format, err := strconv.Atoi(ours[keyFormat]); {
	case err != nil || format < 1:
		return record{}, nil, fmt.Errorf("%s is %q, which is no format", keyFormat, ours[keyFormat])
	case format > formatValue:
		return record{}, nil, fmt.Errorf("its format is %d, and this program reads up to %d: %w", format, formatValue, lease.ErrNewer)
	case len(ours) == 1 && format == formatPlain:
		return record{}, others, nil
	default:
		if r, err = decodeTaken(ours); err == nil {
			r.valued = format == formatValue
		}
		return r, others, err
	}
}

// decodeTaken reads the record of a lease that has been taken.
func decodeTaken(ours map[string]string) (r record, err error) {
	if r.token, err = strconv.ParseUint(ours[keyToken], 10, 64); err != nil || r.token == 0 || r.token == math.MaxUint64 {
		return record{}, fmt.Errorf("%s is %q, which is no token with a successor", keyToken, ours[keyToken])
	}
	if r.length, err = time.ParseDuration(ours[keyLength]); err != nil || r.length <= 0 {
		return record{}, fmt.Errorf("%s is %q, which is no length", keyLength, ours[keyLength])
	}
	if r.id, err = url.QueryUnescape(ours[keyID]); err != nil || r.id == "" {
		return record{}, fmt.Errorf("%s is %q, which is no ID", keyID, ours[keyID])
	}
	if r.holder, err = url.QueryUnescape(ours[keyHolder]); err != nil || lease.CheckName(r.holder) != nil {
		return record{}, fmt.Errorf("%s is %q, which is no holder", keyHolder, ours[keyHolder])
	}
	r.acquired, _ = time.Parse(time.RFC3339, ours[keyAcquired])
	if every, err := time.ParseDuration(ours[keyRenewEvery]); err == nil {
		r.renewEvery = max(every, 0)
	}
	if text, changed := ours[keyNumber]; changed {
		if r.number, err = strconv.ParseUint(text, 10, 64); err != nil {
			return record{}, fmt.Errorf("%s is %q, which is no number", keyNumber, text)
		}
	}
	if name := r.bound(ours[keyNext]); lease.CheckName(name) == nil {
		r.next = name
	}
	r.heeds = lease.HeedsText(lease.HeedsIn(r.bound(ours[keyHeeds])))
	hold, _ := time.ParseDuration(r.bound(ours[keyHold]))
	r.hold = max(hold, 0)
	if text, its := strings.CutPrefix(ours[keyWish], strconv.FormatUint(r.token, 10)+"+"); its {
		r.wish = wishIn(text)
	}
	if history, err := url.QueryUnescape(ours[keyHistory]); err == nil && lease.History(history).Terms() != nil {
		r.history = lease.History(history)
	}
	attributes, err := url.ParseQuery(ours[keyAttributes])
	if err != nil {
		return record{}, fmt.Errorf("%s is unreadable: %w", keyAttributes, err)
	}
	for key, values := range attributes {
		if len(values) != 1 || !utf8.ValidString(key) || !utf8.ValidString(values[0]) {
			return record{}, fmt.Errorf("%s has %q %d times, or not in UTF-8", keyAttributes, key, len(values))
		}
		if r.attributes == nil {
			r.attributes = map[string]string{}
		}
		r.attributes[key] = values[0]
	}
	return r, nil
}
