package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/cloudlease/leader/internal/plainjson"
	"github.com/cloudlease/leader/lease"
)

// recordFormat rises only when a reader of the format before it would act unsafely.
const recordFormat = 1

// kind tells a checkpoint's cell from a lease's, and lease.List passes over it.
const kind = "checkpoint"

// writerLength is the length of the text by which one writer is told from all others.
const writerLength = 26

// errors.Is finds ErrNewer, beside lease.ErrRecord, in the error for a checkpoint whose format a newer program wrote. It is left as it is.
var ErrNewer = errors.New("a newer program wrote it")

// A record is the content of a checkpoint's cell. (Token, Writer, Count) only go forward: each claim has a fresh writer, and each write
// of a writer has a greater count, so every write differs from every other.
type record struct {
	Kind   string          `json:"kind"`
	Format int             `json:"format"`
	Lease  string          `json:"lease"` // whose token it is
	Token  uint64          `json:"token"`
	Writer string          `json:"writer"`
	Count  uint64          `json:"count"`
	Value  json.RawMessage `json:"value,omitempty"` // missing: none was ever saved
}

func (r record) encode() ([]byte, error) {
	data, err := plainjson.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", lease.ErrInvalid, err)
	}
	if err := lease.CheckCell(data); err != nil {
		return nil, err
	}
	return data, nil
}

// plain returns a value as JSON.
func plain(value any) ([]byte, error) {
	data, err := plainjson.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", lease.ErrInvalid, err)
	}
	return data, nil
}

// fits reports why the cell cannot hold the value, whichever term of the lease claims it, and however often it is written: each later
// claim writes the value again, with its own token.
func fits(value []byte, leaseName string) error {
	if !utf8.Valid(value) {
		return fmt.Errorf("%w: the value is not UTF-8", lease.ErrInvalid)
	}
	longest := record{
		Kind: kind, Format: recordFormat, Lease: leaseName, Token: math.MaxUint64, Writer: strings.Repeat("W", writerLength), Count: math.MaxUint64,
		Value: value,
	}
	data, err := plainjson.Marshal(longest)
	if err != nil {
		return fmt.Errorf("%w: %w", lease.ErrInvalid, err)
	}
	if over := len(data) - lease.MaxCell; over > 0 {
		return fmt.Errorf("%w: the value has %d bytes in JSON, and a checkpoint of lease %q has room for %d",
			lease.ErrInvalid, len(value), leaseName, len(value)-over)
	}
	return nil
}

// decode reads a record, by the exact names of its fields, none of which may stand twice. If the data is none, the error is a
// lease.ErrRecord that says why.
func decode(data []byte) (r record, err error) {
	if err := lease.CheckCell(data); err != nil {
		return record{}, fmt.Errorf("%w: %v", lease.ErrRecord, err)
	}
	switch err = plainjson.Unmarshal(data, &r); {
	case r.Kind == kind && r.Format > recordFormat: // and if fields of another type are the error
		return record{}, fmt.Errorf("%w: %w: its format is %d, and this program reads up to %d: update this program",
			lease.ErrRecord, ErrNewer, r.Format, recordFormat)
	case err != nil:
	case r.Kind != kind:
		err = fmt.Errorf("its kind is %q, not %q", r.Kind, kind)
	case r.Format < 1:
		err = fmt.Errorf("it has no format number")
	case r.Writer == "" || r.Lease == "":
		err = fmt.Errorf("it has no writer or no lease")
	}
	if err != nil {
		return record{}, fmt.Errorf("%w: %w; it is left as it is: repair it by hand, or overwrite it with Reset", lease.ErrRecord, err)
	}
	return r, nil
}

// read returns the value of a record; the zero value and false if none was ever saved.
func read[T any](r record) (value T, found bool, err error) {
	if len(r.Value) == 0 {
		return value, false, nil
	}
	if err := json.Unmarshal(r.Value, &value); err != nil {
		var none T
		return none, false, fmt.Errorf("%w: its value is not a %T: %w; it is left as it is", lease.ErrRecord, none, err)
	}
	return value, true, nil
}
