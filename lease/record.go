package lease

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloudlease/leader/internal/plainjson"
)

// A record's format rises only when a reader of the format before it would act unsafely: one that does not know values would
// drop them. So a record without a value keeps the older format.
const (
	formatPlain = 1
	formatValue = 2
)

// record is the state of one lease, as its cell holds it. A reader ignores fields that it does not know. Names are exact:
// "Token" is an unknown field.
type record struct {
	Format     int               `json:"format"`
	Kind       string            `json:"kind,omitempty"` // of a record that is no lease's
	Token      uint64            `json:"token"`
	ID         string            `json:"id"`
	Holder     string            `json:"holder"`
	Length     duration          `json:"length"`
	Nonce      string            `json:"nonce"` // makes every write differ from every other
	Released   bool              `json:"released"`
	Broken     bool              `json:"broken,omitempty"` // Break wrote it: it is nobody's acquisition, and runs out
	Attributes map[string]string `json:"attributes,omitempty"`
	Value      string            `json:"value,omitempty"`
	Number     uint64            `json:"value_number,omitempty"` // of the change of value or attributes in this term; 0: they are as acquired
	RenewEvery duration          `json:"renew_every,omitzero"`   // a hint at when the holder renews; 0: not said
	Acquired   time.Time         `json:"acquired,omitzero"`      // the writer's wall clock: for people, never to decide by (R1)
	Renewed    time.Time         `json:"renewed,omitzero"`       // likewise
	Next       string            `json:"next,omitempty"`         // of a released record: to whom others leave the lease at first
	Heeds      string            `json:"heeds,omitempty"`        // the kinds of wishes that the holder acts on (HeedsText)
	Wish       wish              `json:"wish,omitzero"`          // what somebody asks of the holder
	Undone     bool              `json:"undone,omitempty"`       // a failed acquisition wrote it, and gave it back: there was no such term
	History    History           `json:"history,omitempty"`      // of the terms before: for people
}

// duration is written as Go writes durations: "15s".
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// broken also recognizes the records of older programs, which marked the ID alone.
func (r record) broken() bool { return r.Broken || strings.HasPrefix(r.ID, "broken-") }

// format returns the oldest format whose readers understand the record.
func (r record) format() int {
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
	data, err := r.marshal()
	if err != nil { // a time outside the years 0 to 9999 is all that JSON cannot say, and it is for people only
		r.Acquired, r.Renewed, r.Wish.At = time.Time{}, time.Time{}, time.Time{}
		data, _ = r.marshal()
	}
	return data
}

// encodeFor encodes the record of the lease with this name. It drops the oldest terms of a history that has no room.
func (r *record) encodeFor(name string) []byte {
	data := r.encode()
	if r.History == "" || len(data)+len(name) <= roomWithHistory {
		return data
	}
	bare := *r
	bare.Value, bare.Wish = "", wish{}
	over := len(bare.encode()) + len(name) - roomWithHistory
	if over <= 0 {
		return data
	}
	r.History = r.History.Fit(len(r.History) - over)
	return r.encode()
}

func (r record) marshal() ([]byte, error) {
	if r.Value == "" {
		return json.Marshal(r) // which allocates less
	}
	return plainjson.Marshal(r) // escapes for HTML would make a value grow to six times its size
}

// errNewer says that a record is a newer program's. Nobody is to repair or remove it.
var errNewer = errors.New("update the program")

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
		return record{}, fmt.Errorf("%w: its format is %d, and this program reads up to %d: %w", ErrRecord, r.Format, formatValue, errNewer)
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
		return record{}, fmt.Errorf("%w: its length is %v", ErrRecord, time.Duration(r.Length))
	}
	return r, nil
}
