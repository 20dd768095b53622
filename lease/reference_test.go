package lease

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/plainjson"
)

// tagged is a record for encoding/json, which reads and writes it as recordFields should.
type tagged struct {
	Format      uint64            `json:"format"`
	Kind        string            `json:"kind,omitempty"`
	Token       uint64            `json:"token"`
	ID          string            `json:"id"`
	Holder      string            `json:"holder"`
	Length      duration          `json:"length"`
	Nonce       string            `json:"nonce"`
	Released    bool              `json:"released"`
	Broken      bool              `json:"broken,omitempty"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	Value       string            `json:"value,omitempty"`
	Number      uint64            `json:"value_number,omitempty"`
	RenewEvery  duration          `json:"renew_every,omitzero"`
	HoldAtLeast duration          `json:"hold_at_least,omitzero"`
	Acquired    time.Time         `json:"acquired,omitzero"`
	Renewed     time.Time         `json:"renewed,omitzero"`
	Next        string            `json:"next,omitempty"`
	Heeds       string            `json:"heeds,omitempty"`
	Wish        wish              `json:"wish,omitzero"`
	Undone      bool              `json:"undone,omitempty"`
	History     History           `json:"history,omitempty"`
}

type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

func (t tagged) record() (r record) {
	to := reflect.ValueOf(&r).Elem()
	for i := range to.NumField() {
		to.Field(i).Set(reflect.ValueOf(t).FieldByName(to.Type().Field(i).Name).Convert(to.Field(i).Type()))
	}
	return r
}

// reference reads a record by encoding/json alone: its fields one by one, those of our names into a record.
func reference(data []byte) (r tagged, ok bool) {
	if len(data) > MaxCell || !utf8.Valid(data) || !json.Valid(data) {
		return r, false
	}
	known := map[string]json.RawMessage{}
	if !walk(data, func(name string, value json.RawMessage) bool {
		if !slices.Contains(strings.Fields("format token id holder length kind nonce released broken attributes value value_number renew_every hold_at_least acquired renewed undone next heeds wish history"), name) {
			return true
		}
		_, twice := known[name]
		known[name] = value
		extra := slices.Contains([]string{"hold_at_least", "heeds", "wish", "history"}, name)
		if extra && twice {
			known[name] = nil
		}
		return !twice || extra
	}) {
		return r, false
	}
	// What a record may have besides is dropped if it is damaged, and the record is good.
	if h := known["history"]; len(h) > maxHistory || !regexp.MustCompile(`^"[^\\"<>&\x00-\x1f\x7f-\x{10ffff}]*"$`).Match(h) {
		delete(known, "history")
	}
	var kinds string
	if json.Unmarshal(known["heeds"], &kinds) != nil || !regexp.MustCompile(`^([a-z0-9-]{1,32}( |$)){1,8}$`).MatchString(kinds) || strings.HasSuffix(kinds, " ") {
		delete(known, "heeds")
	}
	var hold duration
	if json.Unmarshal(known["hold_at_least"], &hold) != nil || hold < 0 {
		delete(known, "hold_at_least")
	}
	var asked wish
	if value := known["wish"]; value != nil && string(value) != "null" {
		asked, _ = wishIn(value)
	}
	delete(known, "wish")
	var head struct{ Format int }
	if value := known["format"]; value == nil || json.Unmarshal([]byte(`{"Format":`+string(value)+`}`), &head) != nil || head.Format < 1 || head.Format > 2 {
		return r, false
	}
	attributes := map[string]bool{}
	if value := known["attributes"]; value != nil && string(value) != "null" && !walk(value, func(name string, _ json.RawMessage) bool {
		twice := attributes[name]
		attributes[name] = true
		return !twice
	}) {
		return r, false
	}
	all, err := json.Marshal(known)
	if err != nil || json.Unmarshal(all, &r) != nil {
		return r, false
	}
	r.Wish = asked
	return r, r.ID != "" && r.Token != 0 && r.Length > 0
}

// walk goes through the members of an object, for as long as each says so.
func walk(data []byte, each func(name string, value json.RawMessage) bool) bool {
	d := json.NewDecoder(bytes.NewReader(data))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil || !each(name.(string), value) {
			return false
		}
	}
	return true
}

// FuzzDecodeAsJSON: whatever is in a cell, it is taken for the same record as encoding/json takes it for, but for the names
// that it matches too kindly, and for what stands twice. And it is written as encoding/json writes it.
func FuzzDecodeAsJSON(f *testing.F) {
	f.Add(full().encode())
	f.Add([]byte(`{"format":2,"token":7,"id":"<\\u2028>","holder":"\u00e9\u007f&","length":"15s","value":"\ud800\u0000","attributes":{"b":"","a":"\/"}}`))
	f.Add([]byte(`{"format":1,"token":7,"id":"x","length":"15s","acquired":"9999-12-31T23:59:59-23:59","wish":{"kind":"drain","state":"asked","token":7}}`))
	for _, data := range []string{
		`{"format":1,"token":7,"id":"x","length":"15s"}`, ` { "format" : 1 , "token" : 7 , "id" : "x" , "length" : "15s" } `,
		`{"format":1,"token":7,"id":"\ud800\"\\","length":"1\u0035s","attributes":{"}":"]","":null}}`,
		`{"format":1,"Format":2,"token":7,"\u0069d":"x","length":"15s","later":[{"a":"]}"},[[]]]}`,
		`{"format":1,"format":1,"token":7,"id":"x","length":"15s"}`, `{"format":-0}`, `{"format":1e0,"token":7,"id":"x","length":"15s"}`,
		`{"format":1,"token":7,"id":"x","length":"15s","released":null,"broken":true,"renew_every":"5s","acquired":null}`,
		`{"format":1,"token":7,"id":"x","length":"15s","hold_at_least":"-1m"}`, `{"format":1,"token":7,"id":"x","length":"15s","hold_at_least":1}`,
		`{"format":1,"token":7,"id":"x","length":"15s","acquired":"2024-02-29T23:59:59.1+14:00","renewed":"2024-02-30T00:00:00Z"}`, `{}`, `[]`, `"`,
	} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want, ok := reference(data)
		got, err := decode(data)
		if !ok {
			require.ErrorIs(t, err, ErrRecord)
			return
		}
		require.NoError(t, err)
		require.Equal(t, want.record(), got)
		written, err := plainjson.Marshal(want)
		require.NoError(t, err)
		require.Equal(t, string(written), string(got.encode()))
	})
}
