package lease

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// full is a record with all there can be in one.
func full() record {
	return record{
		Format: formatValue, Token: 7, ID: "an ID", Holder: "<worker> & \u2028 \"1\"", Length: duration(1500 * time.Millisecond),
		Nonce: "a nonce", Released: true, Broken: true, Value: "a \"value\" <&>\n\x00", Number: 3, RenewEvery: duration(5 * time.Second), Attributes: map[string]string{"address": "10.0.0.1:80", "zone": "é世"},
		Acquired: time.Date(2024, 2, 29, 23, 59, 59, 999e6, time.UTC), Renewed: time.Date(2024, 3, 1, 0, 0, 0, 1e6, time.UTC),
		Heeds: "handover drain", Wish: wish{
			Kind: "handover", For: "node \"b\"", By: "an operator", At: time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC), State: WishAsked, Token: 7, Nonce: "another",
		},
		Undone: true, Next: "the next", History: "6 released 20240228T120000Z 20240229T120000Z another",
	}
}

func TestRecord(t *testing.T) {
	for what, r := range map[string]record{
		"full":  full(),
		"bare":  {Format: formatPlain, Token: 1, ID: "i", Length: 1},
		"large": {Format: formatPlain, Token: math.MaxUint64 - 1, ID: "i", Length: math.MaxInt64},
	} {
		t.Run(what, func(t *testing.T) {
			read, err := decode(r.encode())
			require.NoError(t, err)
			require.Equal(t, r, read)
		})
	}
}

// The largest record that a valid request makes fits the cell that every store has to take.
func TestRecordFitsItsCell(t *testing.T) {
	worst := full()
	worst.Holder = strings.Repeat("\u2028", MaxName/3)                                        // six bytes each in JSON, for three
	worst.Attributes = map[string]string{"\"": strings.Repeat("\u2028", (maxAttributes-1)/3)} // likewise
	worst.Wish.For, worst.Wish.By = worst.Holder, worst.Holder
	worst.Value = strings.Repeat("\x00", 4<<10-maxValue/12/5) + strings.Repeat("x", maxValue) // six bytes each in JSON, for one
	for limits := (Limits{MaxValue: maxValue}); limits.CheckValue(worst.Value) != nil; {
		worst.Value = worst.Value[1:]
	}
	require.NoError(t, Request{Name: "n", Holder: worst.Holder, Length: 1, Attributes: worst.Attributes}.Validate(Limits{}))
	require.Greater(t, len(worst.Value), maxValue-10)
	require.Less(t, len(worst.encode()), MaxCell)
	worst.Value = strings.Repeat("<", maxValue)
	require.Less(t, len(worst.encode()), MaxCell, "nothing is escaped for HTML")
}

// The stored form is a contract with the programs of other versions.
func TestRecordAsStored(t *testing.T) {
	require.JSONEq(t, `{
		"format": 2, "token": 7, "id": "an ID", "holder": "<worker> & \u2028 \"1\"", "length": "1.5s", "nonce": "a nonce",
		"released": true, "broken": true, "attributes": {"address": "10.0.0.1:80", "zone": "é世"}, "renew_every": "5s",
		"value": "a \"value\" <&>\n\u0000", "value_number": 3,
		"acquired": "2024-02-29T23:59:59.999Z", "renewed": "2024-03-01T00:00:00.001Z",
		"heeds": "handover drain", "wish": {
			"kind": "handover", "for": "node \"b\"", "by": "an operator", "at": "2024-02-29T23:59:59Z", "state": "asked", "token": 7, "nonce": "another"
		},
		"undone": true, "next": "the next", "history": "6 released 20240228T120000Z 20240229T120000Z another"
	}`, string(full().encode()))
}

func TestRecordWithATimeThatJSONCannotSay(t *testing.T) {
	r := full()
	r.Acquired = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	read, err := decode(r.encode())
	require.NoError(t, err, "it is for people only")
	r.Acquired, r.Renewed, r.Wish.At = time.Time{}, time.Time{}, time.Time{}
	require.Equal(t, r, read)
}

func TestDecode(t *testing.T) {
	const good = `{"format":1,"token":7,"id":"x","holder":"w","length":"15s","nonce":"n","released":false}`
	change := func(from, to string) string {
		require.Contains(t, good, from)
		return strings.Replace(good, from, to, 1)
	}
	tests := []struct {
		what, data string
		says       string // in the error; empty: it is a record
	}{
		{"a record", good, ""},
		{"space around it", " \n" + good + "\n", ""},
		{"fields of a later program", change(`{`, `{"later":{"deep":[1,null]},`), ""},
		{"no holder and no nonce", change(`"holder":"w",`, ``), ""},
		{"released left out", change(`,"released":false`, ``), ""},
		{"no attributes", change(`{`, `{"attributes":null,`), ""},
		{"the greatest token", change(`7`, `18446744073709551614`), ""},

		{"nothing", "", "unexpected end"},
		{"garbage", "garbage", "invalid character"},
		{"cut", good[:len(good)-1], "unexpected end"},
		{"trailing data", good + "{}", "after top-level value"},
		{"twice", good + good, "after top-level value"},
		{"a number", "1", "not an object"},
		{"a list", "[" + good + "]", "not an object"},
		{"null", "null", "not an object"},
		{"an empty object", "{}", "no format number"},
		{"format left out", change(`"format":1,`, ``), "no format number"},
		{"format 0", change(`"format":1`, `"format":0`), "no format number"},
		{"a negative format", change(`"format":1`, `"format":-1`), "no format number"},
		{"a format that is text", change(`"format":1`, `"format":"1"`), "its format is"},
		{"a newer format", change(`"format":1`, `"format":3`), "its format is 3, and this program reads up to 2: update the program"},
		{"a newer format, all else different", `{"format":9,"token":"seven","length":{}}`, "its format is 9"},
		{"no id", change(`"id":"x",`, ``), "no id"},
		{"an empty id", change(`"x"`, `""`), "no id"},
		{"no token", change(`"token":7,`, ``), "no token"},
		{"token 0", change(`7`, `0`), "no token"},
		{"a negative token", change(`7`, `-7`), "its token is"},
		{"a token with a fraction", change(`7`, `7.5`), "its token is"},
		{"the last token", change(`7`, `18446744073709551615`), ""},
		{"a token beyond 64 bits", change(`7`, `18446744073709551616`), "out of range"},
		{"no length", change(`"length":"15s",`, ``), "length is 0s"},
		{"length null", change(`"15s"`, `null`), "length is 0s"},
		{"length 0", change(`"15s"`, `"0s"`), "length is 0s"},
		{"a negative length", change(`"15s"`, `"-15s"`), "length is -15s"},
		{"a length without a unit", change(`"15s"`, `"15"`), "missing unit"},
		{"a length that is a number", change(`"15s"`, `15`), "not a text"},
		{"a length beyond 64 bits", change(`"15s"`, `"9999999h"`), "invalid duration"},
		{"attributes that are no text", change(`{`, `{"attributes":{"a":1},`), "not a text"},
		{"attributes that are a list", change(`{`, `{"attributes":[],`), "not an object"},
		{"released that is a text", change(`false`, `"false"`), "neither true nor false"},
		{"a holder that is a number", change(`"w"`, `1`), "not a text"},
		{"no attributes at all", change(`{`, `{"attributes":{},`), ""},
		{"a token that is called otherwise", change(`"token"`, `"Token"`), "no token"},
		{"another field that is called alike", change(`{`, `{"Released":true,"LENGTH":1,`), ""},
		{"a token twice", change(`{`, `{"token":7,`), "token stands in it twice"},
		{"a token twice, once in other letters", change(`{`, `{"\u0074oken":7,`), "token stands in it twice"},
		{"a token twice, once null", change(`{`, `{"token":null,`), "token stands in it twice"},
		{"a format twice", change(`{`, `{"format":1,`), "format stands in it twice"},
		{"an attribute twice", change(`{`, `{"attributes":{"a":"1","\u0061":"2"},`), "stands in it twice"},
		{"an unknown field twice", change(`{`, `{"later":1,"later":2,`), ""},
		{"brackets in texts", change(`{`, `{"later":"}]\"{[","attributes":{"}":"\\"},`), ""},
		{"numbers at the ends", `{"token":7,"id":"x","length":"15s","format":1}`, ""},
		{"a wish that is a text", change(`{`, `{"wish":"handover",`), ""},
		{"a wish of a later program", change(`{`, `{"wish":{"kind":"handover","state":"postponed","token":7,"later":[{}]},`), ""},
		{"a wish twice", change(`{`, `{"wish":{"kind":"drain","state":"asked","token":7},"wish":{"kind":"handover","state":"asked","token":7},`), ""},
		{"a wish without a kind", change(`{`, `{"wish":{"state":"asked","token":7},`), ""},
		{"a wish with markup in its kind", change(`{`, `{"wish":{"kind":"<b>","state":"asked","token":7},`), ""},
		{"kinds of wishes that are a list", change(`{`, `{"heeds":["handover"],`), ""},
		{"kinds of wishes that are none", change(`{`, `{"heeds":"Hand Over",`), ""},
		{"a renew interval that is none", change(`{`, `{"renew_every":"soon",`), "invalid duration"},
		{"a time that is none", change(`{`, `{"acquired":"yesterday",`), "parsing time"},
		{"not UTF-8", change(`"w"`, "\"\xff\""), "not UTF-8"},
		{"too large", good + strings.Repeat(" ", MaxCell), "more than 65536"},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			r, err := decode([]byte(test.data))
			if test.says == "" {
				require.NoError(t, err)
				require.Equal(t, "x", r.ID)
				require.Equal(t, duration(15*time.Second), r.Length)
				require.False(t, r.Released)
				require.Zero(t, r.Wish)
				require.Empty(t, r.Heeds)
				return
			}
			require.ErrorIs(t, err, ErrRecord)
			require.ErrorContains(t, err, test.says)
			require.Zero(t, r)
		})
	}
}

// reference reads a record by encoding/json alone: its fields one by one, those of our names into a record.
func reference(data []byte) (r record, ok bool) {
	if len(data) > MaxCell || !utf8.Valid(data) || !json.Valid(data) {
		return r, false
	}
	known := map[string]json.RawMessage{}
	if !walk(data, func(name string, value json.RawMessage) bool {
		if !slices.Contains(strings.Fields("format token id holder length kind nonce released broken attributes value value_number renew_every acquired renewed undone next heeds wish history"), name) {
			return true
		}
		_, twice := known[name]
		known[name] = value
		extra := slices.Contains([]string{"heeds", "wish", "history"}, name)
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
// that it matches too kindly, and for what stands twice.
func FuzzDecodeAsJSON(f *testing.F) {
	f.Add(full().encode())
	for _, data := range []string{
		`{"format":1,"token":7,"id":"x","length":"15s"}`, ` { "format" : 1 , "token" : 7 , "id" : "x" , "length" : "15s" } `,
		`{"format":1,"token":7,"id":"\ud800\"\\","length":"1\u0035s","attributes":{"}":"]","":null}}`,
		`{"format":1,"Format":2,"token":7,"\u0069d":"x","length":"15s","later":[{"a":"]}"},[[]]]}`,
		`{"format":1,"format":1,"token":7,"id":"x","length":"15s"}`, `{"format":-0}`, `{"format":1e0,"token":7,"id":"x","length":"15s"}`,
		`{"format":1,"token":7,"id":"x","length":"15s","released":null,"broken":true,"renew_every":"5s","acquired":null}`,
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
		require.Equal(t, want, got)
	})
}

// FuzzDecode: a record is read as it was written, by any writer, and no data make decode panic.
func FuzzDecode(f *testing.F) {
	f.Add(full().encode())
	f.Add([]byte(`{"format":1,"token":7,"id":"x","length":"15s","acquired":"2024-02-29T23:59:59.123456789+14:00"}`))
	f.Add([]byte(`{"format":1,"token":7,"ID":"x","Id":"y","length":"2562047h47m16.854775807s"}`))
	f.Add([]byte(`{"format":1,"token":18446744073709551615,"id":"x","length":"15s"}`))
	f.Add([]byte(`{"format":2,"token":1,"id":"x","length":"15s","value":"v","value_number":1}`))
	f.Add([]byte(`{"format":3}`))
	f.Add([]byte("garbage"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decode(data)
		if err != nil {
			require.ErrorIs(t, err, ErrRecord)
			require.Zero(t, r)
			return
		}
		if r.ID == "" || r.Token == 0 || r.Length <= 0 || r.Format > formatValue {
			t.Fatalf("decode accepts %+v", r)
		}
		written := r.encode()
		if len(written) > MaxCell {
			return // somebody else's record, escaped at greater length
		}
		again, err := decode(written)
		require.NoError(t, err)
		require.Equal(t, written, again.encode())
		require.Equal(t, plain(r), plain(again))
	})
}

// plain is the record with its times in one zone, and no attributes in one way.
func plain(r record) record {
	r.Acquired, r.Renewed, r.Wish.At = r.Acquired.UTC(), r.Renewed.UTC(), r.Wish.At.UTC()
	if len(r.Attributes) == 0 {
		r.Attributes = nil
	}
	return r
}

// FuzzRecord: every record that this library writes comes back as it was.
func FuzzRecord(f *testing.F) {
	f.Add(uint64(7), "an ID", "worker", int64(15*time.Second), true, "address", "10.0.0.1", int64(1709251199999))
	f.Add(uint64(1), "\u2028", "\x00<&>\\\"", int64(1), false, "", "", int64(0))
	f.Add(uint64(math.MaxUint64), "\U0010ffff", "\ufffd", int64(math.MaxInt64), false, "k", "", int64(-62135596800000))
	f.Fuzz(func(t *testing.T, token uint64, id, holder string, length int64, released bool, key, value string, at int64) {
		for _, text := range []*string{&id, &holder, &key, &value} {
			*text = strings.ToValidUTF8(*text, "?")
		}
		when := time.UnixMilli(at).UTC()
		if _, err := json.Marshal(when); err != nil {
			when = time.Time{}
		}
		r := record{
			Format: formatValue, Token: token, ID: id, Holder: holder, Length: duration(length), Nonce: "a nonce",
			Released: released, Attributes: map[string]string{key: value}, Value: value, Number: token, Acquired: when, Renewed: when,
		}
		data := r.encode()
		read, err := decode(data)
		if valid := id != "" && token != 0 && length > 0 && len(data) <= MaxCell; !valid {
			require.ErrorIs(t, err, ErrRecord)
			return
		}
		require.NoError(t, err)
		require.Equal(t, r, read)
	})
}

// A wish is of the term alone that it was asked of, and of a lease that is held.
func TestWishIsOfItsTermAlone(t *testing.T) {
	r := full()
	r.Released = false
	require.Equal(t, "handover", r.wish().Kind)
	r.Wish.Token++
	require.Zero(t, r.wish())
	r.Token++
	r.Released = true
	require.Zero(t, r.wish())
}
