package lease

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/cloudlease/leader/internal/plainjson"
)

// A field is one of a record. Its value is JSON.
type field struct {
	name  string
	read  func(r *record, value []byte) error
	write func(b []byte, r *record) []byte // appends the value; nothing: the record is written without the field
}

// recordFields are the fields of a record, in the order in which they are written; the format and the kind come first. Their names are
// exact: "Token" is an unknown field. encoding/json would take as long for a record as all else that a request needs.
var recordFields = [...]field{
	number("format", always, func(r *record) *uint64 { return &r.Format }),
	words("kind", unlessZero, func(r *record) *string { return &r.Kind }),
	number("token", always, func(r *record) *uint64 { return &r.Token }),
	words("id", always, func(r *record) *string { return &r.ID }),
	words("holder", always, func(r *record) *string { return &r.Holder }),
	span("length", always, func(r *record) *time.Duration { return &r.Length }),
	words("nonce", always, func(r *record) *string { return &r.Nonce }),
	mark("released", always, func(r *record) *bool { return &r.Released }),
	mark("broken", unlessZero, func(r *record) *bool { return &r.Broken }),
	{"attributes", func(r *record, value []byte) (err error) { r.Attributes, err = texts(value); return err }, writeAttributes},
	words("value", unlessZero, func(r *record) *string { return &r.Value }),
	number("value_number", unlessZero, func(r *record) *uint64 { return &r.Number }),
	span("renew_every", unlessZero, func(r *record) *time.Duration { return &r.RenewEvery }),
	{"hold_at_least", func(r *record, value []byte) error {
		err := holdAtLeast.read(r, value)
		r.HoldAtLeast = max(r.HoldAtLeast, 0)
		return err
	}, holdAtLeast.write},
	moment("acquired", func(r *record) *time.Time { return &r.Acquired }),
	moment("renewed", func(r *record) *time.Time { return &r.Renewed }),
	words("next", unlessZero, func(r *record) *string { return &r.Next }),
	{"heeds", func(r *record, value []byte) error {
		kinds, err := text(value)
		r.Heeds = HeedsText(HeedsIn(kinds))
		return err
	}, words("heeds", unlessZero, func(r *record) *string { return &r.Heeds }).write},
	{"wish", func(r *record, value []byte) (err error) { r.Wish, err = wishIn(value); return err }, writeWish},
	mark("undone", unlessZero, func(r *record) *bool { return &r.Undone }),
	{"history", func(r *record, value []byte) error { r.History = historyIn(value); return nil }, func(b []byte, r *record) []byte {
		if r.History == "" {
			return b
		}
		return appendText(b, string(r.History))
	}},
}

var holdAtLeast = span("hold_at_least", unlessZero, func(r *record) *time.Duration { return &r.HoldAtLeast })

// When a field is written.
const (
	always     = true
	unlessZero = false
)

func number(name string, always bool, of func(*record) *uint64) field {
	return field{name, func(r *record, value []byte) (err error) {
		*of(r), err = strconv.ParseUint(string(value), 10, 64)
		return err
	}, func(b []byte, r *record) []byte {
		if n := *of(r); n != 0 || always {
			b = strconv.AppendUint(b, n, 10)
		}
		return b
	}}
}

func words(name string, always bool, of func(*record) *string) field {
	return field{name, func(r *record, value []byte) (err error) {
		*of(r), err = text(value)
		return err
	}, func(b []byte, r *record) []byte {
		if s := *of(r); s != "" || always {
			b = appendText(b, s)
		}
		return b
	}}
}

func mark(name string, always bool, of func(*record) *bool) field {
	return field{name, func(r *record, value []byte) (err error) {
		*of(r), err = truth(value)
		return err
	}, func(b []byte, r *record) []byte {
		if is := *of(r); is || always {
			b = strconv.AppendBool(b, is)
		}
		return b
	}}
}

// span is a duration, written as Go writes them: "15s".
func span(name string, always bool, of func(*record) *time.Duration) field {
	return field{name, func(r *record, value []byte) error {
		s, err := text(value)
		if err != nil {
			return err
		}
		*of(r), err = time.ParseDuration(s)
		return err
	}, func(b []byte, r *record) []byte {
		if d := *of(r); d != 0 || always {
			b = appendText(b, d.String())
		}
		return b
	}}
}

// moment is a time, for people only: one outside the years 0 to 9999, which JSON cannot say, is left out.
func moment(name string, of func(*record) *time.Time) field {
	return field{name, func(r *record, value []byte) error { return of(r).UnmarshalJSON(value) }, func(b []byte, r *record) []byte {
		if of(r).IsZero() {
			return b
		}
		with, err := of(r).AppendText(append(b, '"'))
		if err != nil {
			return b
		}
		return append(with, '"')
	}}
}

func writeAttributes(b []byte, r *record) []byte {
	if len(r.Attributes) == 0 {
		return b
	}
	before := byte('{')
	for _, name := range slices.Sorted(maps.Keys(r.Attributes)) {
		b = appendText(append(b, before), name)
		b = appendText(append(b, ':'), r.Attributes[name])
		before = ','
	}
	return append(b, '}')
}

func writeWish(b []byte, r *record) []byte {
	if r.Wish == (wish{}) {
		return b
	}
	data, err := plainjson.Marshal(r.Wish)
	if err != nil { // as with a moment
		w := r.Wish
		w.At = time.Time{}
		data, _ = plainjson.Marshal(w)
	}
	return append(b, data...)
}

// appendText appends a text as JSON, without the escapes for HTML, with which a value would grow to six times its size.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			data, _ := plainjson.Marshal(s)
			return append(b, data...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func text(value []byte) (s string, err error) {
	switch {
	case value[0] != '"':
		return "", errNoText
	case bytes.IndexByte(value, '\\') < 0:
		return string(value[1 : len(value)-1]), nil
	}
	err = json.Unmarshal(value, &s)
	return s, err
}

func truth(value []byte) (bool, error) {
	switch string(value) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errNoTruth
}
