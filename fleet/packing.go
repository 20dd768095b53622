package fleet

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"sync"
)

// maxPacked bounds what is inflated: a few kilobytes could become gigabytes.
const maxPacked = 4 << 20

// pack deflates data into text.
func pack(data []byte) (string, error) {
	if len(data) == 0 {
		return "", nil
	}
	if len(data) > maxPacked {
		return "", fmt.Errorf("it has %d bytes before it is deflated, more than %d", len(data), maxPacked)
	}
	return deflate(data)
}

// deflaters are used again, since each has almost a megabyte.
var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestCompression) // fails for other levels than there are
	return w
}}

func deflate(data []byte) (string, error) {
	var b bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&b)
	if _, err := w.Write(data); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.RawStdEncoding.EncodeToString(b.Bytes()), nil
}

// unpack inflates what pack has made.
func unpack(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	deflated, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(deflated)), maxPacked+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxPacked:
		return nil, fmt.Errorf("it is more than %d bytes, inflated", maxPacked)
	}
	return data, nil
}

// A reader takes packed data apart. After the first error it reads zeros.
type reader struct {
	rest []byte
	err  error
}

var errCut = errors.New("its packed data are incomplete")

// number reads a number of at most most.
func (r *reader) number(most uint64) uint64 {
	n, size := binary.Uvarint(r.rest)
	switch {
	case r.err != nil:
		return 0
	case size <= 0:
		r.err = errCut
		return 0
	case n > most:
		r.err = fmt.Errorf("a number is %d, and %d at most is possible there", n, most)
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) text() string {
	size := r.number(uint64(len(r.rest)))
	if size > uint64(len(r.rest)) { // the number itself took some
		r.err = errCut
		return ""
	}
	s := string(r.rest[:size])
	r.rest = r.rest[size:]
	return s
}

// end reports an error, also if something is left.
func (r *reader) end() error {
	if r.err == nil && len(r.rest) > 0 {
		r.err = fmt.Errorf("%d bytes follow its packed data", len(r.rest))
	}
	return r.err
}

// appendNames packs different names, in any order. Numbers, as shards have them, become ranges.
func appendNames(b []byte, names []string) []byte {
	var numbers []uint64
	var others []string
	for _, name := range names {
		if n, ok := numbered(name); ok {
			numbers = append(numbers, n)
		} else {
			others = append(others, name)
		}
	}
	slices.Sort(numbers)
	var ranges []byte
	count, end := 0, uint64(0) // behind the range before
	for i := 0; i < len(numbers); count++ {
		first := numbers[i]
		ranges = binary.AppendUvarint(ranges, first-end)
		for end = first; i < len(numbers) && numbers[i] == end; i++ {
			end++
		}
		ranges = binary.AppendUvarint(ranges, end-first)
	}
	b = binary.AppendUvarint(b, uint64(count))
	b = append(b, ranges...)
	b = binary.AppendUvarint(b, uint64(len(others)))
	for _, name := range others {
		b = binary.AppendUvarint(b, uint64(len(name)))
		b = append(b, name...)
	}
	return b
}

// names reads what appendNames has packed, sorted.
func (r *reader) names() []string {
	var names []string
	next := uint64(0)
	for range r.number(maxParts) {
		next += r.number(math.MaxInt32)
		for range r.number(uint64(maxParts - len(names))) {
			names = append(names, strconv.FormatUint(next, 10))
			next++
		}
	}
	for range r.number(uint64(maxParts - len(names))) {
		if r.err != nil {
			break
		}
		names = append(names, r.text())
	}
	slices.Sort(names)
	return names
}

// numbered returns the number that a name is, if it is one as shards have them: "0", "17", and neither "017" nor "+1".
func numbered(name string) (uint64, bool) {
	n, err := strconv.ParseUint(name, 10, 31)
	return n, err == nil && (name[0] != '0' || name == "0")
}
