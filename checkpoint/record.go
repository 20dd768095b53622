package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cloudlease/leader/internal/plainjson"
	"github.com/cloudlease/leader/lease"
)

// recordFormat rises only when a reader of the format before it would act unsafely.
const recordFormat = 1

// kind tells a checkpoint's cell from a lease's, and lease.List passes over it.
const kind = "checkpoint"

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

// decode reads a record. If the data is none, the error is a lease.ErrRecord that says why.
func decode(data []byte) (r record, err error) {
	if err := lease.CheckCell(data); err != nil {
		return record{}, fmt.Errorf("%w: %v", lease.ErrRecord, err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err = d.Decode(&r); err == nil && len(bytes.TrimSpace(data[d.InputOffset():])) > 0 {
		err = fmt.Errorf("there is something after it")
	}
	switch {
	case err != nil:
	case r.Kind != kind:
		err = fmt.Errorf("its kind is %q, not %q", r.Kind, kind)
	case r.Format > recordFormat:
		return record{}, fmt.Errorf("%w: its format is %d, and this program reads up to %d: update the program", lease.ErrRecord, r.Format, recordFormat)
	case r.Format < 1:
		err = fmt.Errorf("it has no format number")
	case r.Writer == "" || strings.TrimSpace(r.Lease) == "":
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
