package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/cloudlease/leader/internal/plainjson"
	"github.com/cloudlease/leader/lease"
)

// A value of this package is JSON whose last field is a checksum of the text before it. Deflated data has none, so a damaged
// plan could pass for another plan.
const sumBegin = `,"sum":"`

// A head stands in every value of this package. Its fields keep their names in all formats.
type head struct {
	Kind   string `json:"kind"`
	Format int    `json:"format"`
	Sum    string `json:"sum,omitempty"` // written by seal
}

// seal returns v as JSON, with a checksum. v is a struct that has a head.
func seal(v any) (string, error) {
	text, err := plainjson.Marshal(v)
	if err != nil {
		return "", err
	}
	return summed(strings.TrimSuffix(string(text), "}")), nil
}

// summed ends a JSON object that has no closing brace yet.
func summed(open string) string {
	return fmt.Sprintf(`%s%s%08x"}`, open, sumBegin, crc32.ChecksumIEEE([]byte(open)))
}

// unseal reads what seal has written into v. It refuses fields that it does not know, since the next value that is made of
// this one would be without them.
func unseal(text string, wanted head, v any) error {
	var found head
	err := json.Unmarshal([]byte(text), &found)
	switch {
	case err != nil:
		return err
	case found.Kind != wanted.Kind:
		return fmt.Errorf("its kind is %.40q, not %q", found.Kind, wanted.Kind)
	case found.Format > wanted.Format:
		return fmt.Errorf("its format is %d, and this program reads up to %d: %w", found.Format, wanted.Format, lease.ErrNewer)
	case found.Format < 1:
		return errors.New("it has no format number")
	}
	if i := strings.LastIndex(text, sumBegin); i < 0 || text != summed(text[:i]) {
		return errors.New("its checksum is not that of its text: it was damaged, or changed by hand")
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// damaged says that a text which was read is none of this package's values.
func damaged(of string, err error) error {
	return fmt.Errorf("%w: %s: %w", lease.ErrRecord, of, err)
}

// unfit says that a value cannot be written.
func unfit(of string, err error) error {
	return fmt.Errorf("%w: %s: %v", lease.ErrInvalid, of, err)
}
