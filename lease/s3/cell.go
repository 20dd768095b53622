package s3

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/cloudlease/leader/lease"
)

const (
	cellFormat = 1                             // rises only when a reader of the one before would act unsafely
	maxHeader  = 1 << 10                       // bytes; this program's has some 50
	maxObject  = maxHeader + 1 + lease.MaxCell // 1: the line break
)

// header is the first line of an object; the data follow as they are. Fields that a reader does not know are ignored.
type header struct {
	Format int `json:"leaseObject"` // not "format", which a lease's record has as well
	// Nonce makes every write differ from every other: the ETag is a hash of the object's content, and of nothing else
	// that could be written with it, such as metadata.
	Nonce string `json:"nonce"`
}

// encode writes the header as json.Marshal does, with less to allocate for each renewal. The nonce is of letters and digits.
func encode(data []byte) []byte {
	content := append(make([]byte, 0, 64+len(data)), `{"leaseObject":`...)
	content = strconv.AppendInt(content, cellFormat, 10)
	content = append(content, `,"nonce":"`...)
	content = append(content, rand.Text()...)
	content = append(content, "\"}\n"...)
	return append(content, data...)
}

// decode is the way back. Its errors say what is wrong, and are to be wrapped in ErrRecord.
func decode(content []byte) ([]byte, error) {
	line, data, whole := bytes.Cut(content, []byte("\n"))
	var h header
	switch err := json.Unmarshal(line, &h); {
	case err != nil || h.Format < 1 || !whole || len(line) > maxHeader:
		return nil, errors.New("it does not begin with the line that this package writes")
	case h.Format > cellFormat:
		return nil, fmt.Errorf("its format is %d, and this program reads up to %d: update the program", h.Format, cellFormat)
	case len(data) > lease.MaxCell || !utf8.Valid(data):
		return nil, fmt.Errorf("what follows the first line is not UTF-8 text of at most %d bytes", lease.MaxCell)
	}
	return data, nil
}
