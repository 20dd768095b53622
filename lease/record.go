package lease

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A record's format rises only when a reader of the format before it would act unsafely: one that does not know values would
// drop them. So a record without a value keeps the older format.
const (
	formatPlain = 1
	formatValue = 2
)

// record is the state of one lease, as its cell holds it (recordFields). A reader ignores fields that it does not know.
type record struct {
	Format      uint64
	Kind        string // of a record that is no lease's
	Token       uint64
	ID          string
	Holder      string
	Length      time.Duration
	Nonce       string // makes every write differ from every other
	Released    bool
	Broken      bool // Break wrote it: it is nobody's acquisition, and runs out
	Attributes  map[string]string
	Value       string
	Number      uint64        // of the change of value or attributes in this term; 0: they are as acquired
	RenewEvery  time.Duration // a hint at when the holder renews; 0: not said
	HoldAtLeast time.Duration // Request.HoldAtLeast: for people
	Acquired    time.Time     // the writer's wall clock: for people, never to decide by (R1)
	Renewed     time.Time     // likewise
	Next        string        // of a released record: to whom others leave the lease at first
	Heeds       string        // the kinds of wishes that the holder acts on (HeedsText)
	Wish        wish          // what somebody asks of the holder
	Undone      bool          // a failed acquisition wrote it, and gave it back: there was no such term
	History     History       // of the terms before: for people
}

// broken also recognizes the records of older programs, which marked the ID alone.
func (r record) broken() bool { return r.Broken || strings.HasPrefix(r.ID, "broken-") }

// format returns the oldest format whose readers understand the record.
func (r record) format() uint64 {
	if r.Value != "" {
		return formatValue
	}
	return formatPlain
}

// roomWithHistory is how large a record with a history may be, its lease's name included and the value left out. With what a
// store adds, it stays below 1 KB, by which DynamoDB bills writes. A history that needs more is shortened. A wish is not counted: it
// stands for a few renewals, and terms that make room for it would be lost.
const roomWithHistory = 1<<10 - 128

func (r record) encode() []byte {
	b := append(make([]byte, 0, 512+len(r.Value)+len(r.History)), '{')
	for i := range recordFields {
		before := len(b)
		if before > len("{") {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), recordFields[i].name...), `":`...)
		named := len(b)
		if b = recordFields[i].write(b, &r); len(b) == named {
			b = b[:before]
		}
	}
	return append(b, '}')
}

// encodeFor encodes the record of the lease with this name. It drops the oldest terms of a history that has no room.
func (r *record) encodeFor(name string) []byte {
	data := r.encode()
	if r.History == "" || len(data)+len(name) <= roomWithHistory {
		return data
	}
	over := len(data) + len(name) - roomWithHistory
	if r.Value != "" || r.Wish != (wish{}) {
		bare := *r
		bare.Value, bare.Wish = "", wish{}
		over = len(bare.encode()) + len(name) - roomWithHistory
	}
	if over <= 0 {
		return data
	}
	r.History = r.History.Fit(len(r.History) - over)
	return r.encode()
}

// errKind says that a record is no lease's. List passes over it.
var errKind = errors.New("it is of another kind")

// decode reads a record. If the data is not a record, the error is an ErrRecord that says why.
func decode(data []byte) (record, error) {
	if len(data) > MaxCell {
		return record{}, fmt.Errorf("%w: it has %d bytes, more than %d", ErrRecord, len(data), MaxCell)
	}
	if !utf8.Valid(data) {
		return record{}, fmt.Errorf("%w: it is not UTF-8 text", ErrRecord)
	}
	values, err := split(data)
	if err != nil {
		return record{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	// The kind and the format come first: another one may mean something else by the other fields.
	var r record
	if err := values.read(&r, 1); err != nil || r.Kind != "" {
		return record{}, fmt.Errorf("%w: %w: %q", ErrRecord, errKind, r.Kind)
	}
	if err := values.read(&r, 0); err != nil {
		return record{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	switch {
	case r.Format > formatValue:
		return record{}, fmt.Errorf("%w: its format is %d, and this program reads up to %d: %w", ErrRecord, r.Format, formatValue, ErrNewer)
	case r.Format < 1:
		return record{}, fmt.Errorf("%w: it has no format number", ErrRecord)
	}
	for i := range recordFields {
		if err := values.read(&r, i); err != nil {
			return record{}, fmt.Errorf("%w: %w", ErrRecord, err)
		}
	}
	switch {
	case r.ID == "" || r.Token == 0:
		return record{}, fmt.Errorf("%w: it has no id or no token", ErrRecord)
	case r.Length <= 0:
		return record{}, fmt.Errorf("%w: its length is %v", ErrRecord, r.Length)
	}
	return r, nil
}
