package file

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/cloudlease/leader/internal/plainjson"
	"github.com/cloudlease/leader/lease"
)

const (
	cellFormat = 1                             // rises only when a reader of the previous format would act unsafely
	maxHeader  = 4 << 10                       // bytes; what this program writes has some 300
	maxFile    = maxHeader + 1 + lease.MaxCell // 1: the line break
)

// header is the first line of a cell's file; the data follow unchanged. A reader ignores fields that it does not know.
type header struct {
	Format int    `json:"leaseFile"` // not "format", which a lease's record has as well
	Nonce  string `json:"nonce"`     // makes every write differ from every other
	origin
}

func encode(from origin, data []byte) []byte {
	line, _ := json.Marshal(header{Format: cellFormat, Nonce: rand.Text(), origin: from}) // never fails for numbers and strings
	return append(append(line, '\n'), data...)
}

// decode is the inverse of encode. It reads the first line as strictly as the lease's record is read: by the exact names of its fields,
// none of which may stand twice. Its errors say what is wrong; the caller wraps them in ErrRecord and adds advice.
func decode(content []byte) (header, []byte, error) {
	line, data, whole := bytes.Cut(content, []byte("\n"))
	var h header
	switch err := plainjson.Unmarshal(line, &h); {
	case len(content) == 0:
		return header{}, nil, fmt.Errorf("the file is empty")
	case err != nil:
		return header{}, nil, fmt.Errorf("the first line is not a header: %w", err)
	case h.Format > cellFormat:
		return header{}, nil, fmt.Errorf("its format is %d, and this program reads up to %d: %w", h.Format, cellFormat, lease.ErrNewer)
	case h.Format < 1 || !whole || len(line) > maxHeader:
		return header{}, nil, fmt.Errorf("the first line is not a header")
	case len(data) > lease.MaxCell || !utf8.Valid(data):
		return header{}, nil, fmt.Errorf("what follows the header is not UTF-8 text of at most %d bytes", lease.MaxCell)
	}
	return h, data, nil
}

// versionOf returns a hash of the whole file, so that any edit makes a new version.
func versionOf(content []byte) lease.Version {
	sum := sha256.Sum256(content)
	return lease.Version(hex.EncodeToString(sum[:]))
}
