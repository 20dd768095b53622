package checkpoint

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// The stored form is a contract with the programs of other versions, and with people.
func TestRecordAsStored(t *testing.T) {
	data, err := record{Kind: kind, Format: 1, Lease: "orders", Token: 7, Writer: "w", Count: 3, Value: json.RawMessage(`{"at":"<1>"}`)}.encode()
	require.NoError(t, err)
	require.Equal(t, `{"kind":"checkpoint","format":1,"lease":"orders","token":7,"writer":"w","count":3,"value":{"at":"<1>"}}`, string(data))
}

func TestNoRecord(t *testing.T) {
	for data, says := range map[string]string{
		"":   "unexpected end",
		"{}": `its kind is "", not "checkpoint"`,
		`{"format":1,"token":7,"id":"x","holder":"w","length":"15s"}`:          `its kind is ""`,
		`{"kind":"checkpoint","format":2,"writer":"w","lease":"l"}`:            "update this program",
		`{"token":[7],"kind":"checkpoint","format":2,"lease":{}}`:              "its format is 2, and this program reads up to 1",
		`{"kind":"checkpoint","format":1,"lease":"","writer":"w"}`:             "no lease",
		`{"kind":"checkpoint","writer":"w","lease":"l"}`:                       "no format number",
		`{"kind":"checkpoint","format":1,"lease":"l"}`:                         "no writer",
		`{"kind":"checkpoint","format":1,"lease":"l","writer":"w"}{}`:          "after top-level value",
		`{"kind":"checkpoint","format":1,"format":3,"lease":"l","writer":"w"}`: "its format stands in it twice",
		`{"kind":"checkpoint","format":1,"lease":"l","Writer":"w"}`:            "no writer",
		`{"kind":"checkpoint","format":1,"lease":"l","writer":"w","token":-1}`: "token",
		"\xff": "UTF-8",
		strings.Repeat(" ", lease.MaxCell) + `{"kind":"checkpoint","format":1,"lease":"l"}`: "bytes",
	} {
		r, err := decode([]byte(data))
		require.ErrorIs(t, err, lease.ErrRecord, data)
		require.ErrorContains(t, err, says)
		require.Equal(t, strings.Contains(data, `"format":2`), errors.Is(err, ErrNewer), "%s: %v", data, err)
		require.Zero(t, r)
	}
}

// What has room for a value counts a writer as long as replace makes it.
func TestWriterLength(t *testing.T) {
	require.GreaterOrEqual(t, len(rand.Text()), writerLength)
	require.GreaterOrEqual(t, writerLength*5, 128, "each character of rand.Text has 5 bits")
}

// Whatever may be the name of a lease may be that of a checkpoint's lease.
func TestRecordOfABlankName(t *testing.T) {
	data, err := record{Kind: kind, Format: 1, Lease: " ", Writer: "w"}.encode()
	require.NoError(t, err)
	require.NoError(t, lease.CheckName(" "))
	_, err = decode(data)
	require.NoError(t, err)
}

// FuzzDecode: whatever is in a cell, it is an ErrRecord, or a record that comes back as it was.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"kind":"checkpoint","format":1,"lease":"orders","token":7,"writer":"w","count":3,"value":[1, 2]}`))
	f.Add([]byte(`{"kind":"checkpoint","format":1,"lease":"l","writer":"w","value":null}`))
	f.Add([]byte(`{"kind":"checkpoint","format":1,"lease":"\u2028","writer":"<>","KIND":"x"}`))
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decode(data)
		if err != nil {
			require.ErrorIs(t, err, lease.ErrRecord)
			require.Zero(t, r)
			return
		}
		_, _, err = read[any](r)
		require.NoError(t, err)
		written, err := r.encode()
		if err != nil {
			return // it has become too long, as what was no UTF-8 in a text is escaped
		}
		again, err := decode(written)
		require.NoError(t, err)
		rewritten, err := again.encode()
		require.NoError(t, err)
		require.Equal(t, string(written), string(rewritten))
	})
}
