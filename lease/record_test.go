package lease

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// full is a record with all there can be in one.
func full() record {
	return record{
		Format: formatValue, Token: 7, ID: "an ID", Holder: "<worker> & \u2028 \"1\"", Length: 1500 * time.Millisecond,
		Nonce: "a nonce", Released: true, Broken: true, Value: "a \"value\" <&>\n\x00", Number: 3, RenewEvery: 5 * time.Second, HoldAtLeast: 90 * time.Second, Attributes: map[string]string{"address": "10.0.0.1:80", "zone": "é世"},
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
	worst.HoldAtLeast = math.MaxInt64
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
		"released": true, "broken": true, "attributes": {"address": "10.0.0.1:80", "zone": "é世"}, "renew_every": "5s", "hold_at_least": "1m30s",
		"value": "a \"value\" <&>\n\u0000", "value_number": 3,
		"acquired": "2024-02-29T23:59:59.999Z", "renewed": "2024-03-01T00:00:00.001Z",
		"heeds": "handover drain", "wish": {
			"kind": "handover", "for": "node \"b\"", "by": "an operator", "at": "2024-02-29T23:59:59Z", "state": "asked", "token": 7, "nonce": "another"
		},
		"undone": true, "next": "the next", "history": "6 released 20240228T120000Z 20240229T120000Z another"
	}`, string(full().encode()))
}

func TestRecordWithATimeThatJSONCannotSay(t *testing.T) {
	for _, of := range []func(*record) *time.Time{
		func(r *record) *time.Time { return &r.Acquired },
		func(r *record) *time.Time { return &r.Renewed },
		func(r *record) *time.Time { return &r.Wish.At },
	} {
		r := full()
		*of(&r) = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
		read, err := decode(r.encode())
		require.NoError(t, err, "it is for people only")
		*of(&r) = time.Time{}
		require.Equal(t, r, read)
	}
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
		{"a negative format", change(`"format":1`, `"format":-1`), "its format is"},
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
		{"a time to hold it that is none", change(`{`, `{"hold_at_least":"soon",`), ""},
		{"a time to hold it that is a number", change(`{`, `{"hold_at_least":60,`), ""},
		{"a negative time to hold it", change(`{`, `{"hold_at_least":"-1m",`), ""},
		{"a time to hold it twice", change(`{`, `{"hold_at_least":"1m","hold_at_least":"1m",`), ""},
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
				require.Equal(t, 15*time.Second, r.Length)
				require.False(t, r.Released)
				require.Zero(t, r.Wish)
				require.Empty(t, r.Heeds)
				require.Zero(t, r.HoldAtLeast)
				return
			}
			require.ErrorIs(t, err, ErrRecord)
			require.ErrorContains(t, err, test.says)
			require.Zero(t, r)
		})
	}
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
			Format: formatValue, Token: token, ID: id, Holder: holder, Length: time.Duration(length), Nonce: "a nonce",
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
