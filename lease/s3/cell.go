package s3

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/cloudlease/leader/internal/plainjson"
	"github.com/cloudlease/leader/lease"
)

const (
	cellFormat = 1                             // rises only when a reader of the previous format would act unsafely
	maxHeader  = 1 << 10                       // bytes; what this program writes has some 50
	maxObject  = maxHeader + 1 + lease.MaxCell // 1: the line break
)

// header is the first line of an object; the data follow unchanged. A reader ignores fields that it does not know.
type header struct {
	Format int `json:"leaseObject"` // not "format", which a lease's record has as well
	// Nonce makes every write differ from every other: the ETag is a hash of the object's content alone, so metadata
	// could not do it.
	Nonce string `json:"nonce"`
}

// encode writes the header as json.Marshal does, with fewer allocations for each renewal. A nonce needs no escapes: it
// has only letters and digits.
func encode(data []byte) []byte {
	content := append(make([]byte, 0, 64+len(data)), `{"leaseObject":`...)
	content = strconv.AppendInt(content, cellFormat, 10)
	content = append(content, `,"nonce":"`...)
	content = append(content, rand.Text()...)
	content = append(content, "\"}\n"...)
	return append(content, data...)
}

// decode is the inverse of encode. It reads the first line as strictly as the lease's record is read: by the exact names of its fields,
// none of which may stand twice. Its errors say what is wrong; the caller wraps them in ErrRecord.
func decode(content []byte) ([]byte, error) {
	line, data, whole := bytes.Cut(content, []byte("\n"))
	var h header
	switch err := plainjson.Unmarshal(line, &h); {
	case err != nil || h.Format < 1 || !whole || len(line) > maxHeader:
		return nil, errors.New("it does not begin with the line that this package writes")
	case h.Format > cellFormat:
		return nil, fmt.Errorf("its format is %d, and this program reads up to %d: %w", h.Format, cellFormat, lease.ErrNewer)
	case len(data) > lease.MaxCell || !utf8.Valid(data):
		return nil, fmt.Errorf("what follows the first line is not UTF-8 text of at most %d bytes", lease.MaxCell)
	}
	return data, nil
}
