package explore

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"sync"

	"github.com/cloudlease/leader/lease"
)

// A name stands for a random text: an ID or a nonce. Only equality of names matters. So two states are the same if they are
// equal after their names are numbered in the order of appearance.
type name uint16

// nameLength is the length of a random text.
const nameLength = 32

func (n name) String() string { return fmt.Sprintf("%016x%016x", uint16(n), uint16(n)) }

// rename returns the text with each random text in it replaced by "#" and its number.
func rename(text string, number func(name) int) string {
	var b strings.Builder
	for len(text) >= nameLength {
		n, ok := parseName(text[:nameLength])
		if !ok {
			b.WriteByte(text[0])
			text = text[1:]
			continue
		}
		b.WriteByte('#')
		b.WriteString(strconv.Itoa(number(n)))
		text = text[nameLength:]
	}
	b.WriteString(text)
	return b.String()
}

func parseName(text string) (name, bool) {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return 0, false
		}
	}
	if text[:nameLength/2] != text[nameLength/2:] {
		return 0, false
	}
	n, err := strconv.ParseUint(text[nameLength/2:], 16, 16)
	return name(n), err == nil
}

// record is the content of a cell: its shape, which is its text without the names in it, and those names. The zero record
// means that the cell does not exist. Equal records have equal versions, as with an ETag that is a hash.
type record struct {
	shape    uint32 // see shapes
	names    [2]name
	token    uint8
	released bool
	value    bool  // it has the value that a node sets
	number   uint8 // of the value
}

func (r record) missing() bool { return r.shape == 0 }
func (r record) id() name      { return r.names[0] }

// named returns the record with other names.
func (r record) named(rename func(name) name) record {
	if !r.missing() {
		r.names = [2]name{rename(r.names[0]), rename(r.names[1])}
	}
	return r
}

// shapes are the texts of all records, with numbers for names. It is safe for concurrent use.
type shapes struct {
	values bool // nodes change the lease's value

	mu   sync.RWMutex
	text map[uint32]string
}

// parse reads a record as a manager writes it.
func (s *shapes) parse(data []byte) record {
	var r record
	n := 0
	text := rename(string(data), func(n0 name) int {
		if n < len(r.names) {
			r.names[n] = n0
		}
		n++
		return n - 1
	})
	var fields struct {
		Token    uint8  `json:"token"`
		ID       string `json:"id"`
		Nonce    string `json:"nonce"`
		Released bool   `json:"released"`
		Value    string `json:"value"`
		Number   uint8  `json:"value_number"`
	}
	if err := json.Unmarshal([]byte(text), &fields); err != nil || n != len(r.names) || fields.ID != "#0" || fields.Nonce != "#1" {
		panic(fmt.Sprintf("explore: a record has an ID and a nonce, in this order, and this is %s (%v)", data, err))
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	r.shape, r.token, r.released = h.Sum32(), fields.Token, fields.Released
	r.value, r.number = fields.Value != "", fields.Number
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.text[r.shape]; ok && known != text {
		panic("explore: two records of one hash")
	}
	s.text[r.shape] = text
	return r
}

// snapshot returns the record as the store shows it.
func (s *shapes) snapshot(r record) lease.Snapshot {
	if r.missing() {
		return lease.Snapshot{}
	}
	s.mu.RLock()
	text := s.text[r.shape]
	s.mu.RUnlock()
	data := strings.NewReplacer("#0", r.names[0].String(), "#1", r.names[1].String()).Replace(text)
	return lease.Snapshot{Data: []byte(data), Version: r.version()}
}

func (r record) version() lease.Version {
	if r.missing() {
		return ""
	}
	return lease.Version(fmt.Sprintf("%d.%d.%t.%v.%v.%t.%d", r.shape, r.token, r.released, r.names[0], r.names[1], r.value, r.number))
}

// recordOf returns the record that has this version.
func recordOf(v lease.Version) (r record) {
	if v == "" {
		return r
	}
	parts := strings.Split(string(v), ".")
	if len(parts) != 7 {
		panic(fmt.Sprintf("explore: a version that no store made: %q", v))
	}
	shape, _ := strconv.ParseUint(parts[0], 10, 32)
	token, _ := strconv.ParseUint(parts[1], 10, 8)
	number, _ := strconv.ParseUint(parts[6], 10, 8)
	r = record{shape: uint32(shape), token: uint8(token), released: parts[2] == "true", value: parts[5] == "true", number: uint8(number)}
	for i := range r.names {
		r.names[i], _ = parseName(parts[3+i])
	}
	return r
}
