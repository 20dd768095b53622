package lease_test

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

const aRecord = `{"format":1,"token":7,"id":"x","holder":"w","length":"15s","nonce":"n","released":false}`

// FuzzCell: whatever somebody has put into the cell of a lease that is held, each call either knows what it is or says
// ErrRecord, and only what is known is replaced, by its successor. MINE in it stands for the ID of the holder.
func FuzzCell(f *testing.F) {
	for _, data := range []string{
		"", "null", "{}", "garbage", aRecord, aRecord[1:], aRecord + aRecord, "\ufeff" + aRecord, aRecord + "\xff",
		strings.Replace(aRecord, `"x"`, `"MINE"`, 1),
		strings.NewReplacer(`"x"`, `"MINE"`, "false", "true").Replace(aRecord),
		strings.NewReplacer("7", "18446744073709551615", "false", "true").Replace(aRecord),
		strings.NewReplacer("7", "18446744073709551614", "false", "true").Replace(aRecord),
		strings.Replace(aRecord, "15s", "2562047h47m16.854775807s", 1), strings.Replace(aRecord, "15s", "0s", 1),
		strings.Replace(aRecord, "1", "3", 1), strings.Replace(aRecord, `1,`, `2,"value":"v","value_number":1,`, 1), strings.Replace(aRecord, "1", "2e0", 1), strings.Replace(aRecord, `"x"`, `""`, 1),
		strings.Replace(aRecord, `{`, `{"attributes":{"\u0000":"\n"},"acquired":"0000-01-01T00:00:00+23:59",`, 1),
		strings.Replace(aRecord, `{`, `{"later":{"deep":[1,null]},`, 1),
		aRecord + strings.Repeat(" ", lease.MaxCell-len(aRecord)), aRecord + strings.Repeat(" ", lease.MaxCell-len(aRecord)+1),
	} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for op, try := range map[string]func(m lease.Manager, held lease.Lease) error{
			"acquire": func(m lease.Manager, _ lease.Lease) error {
				_, err := m.Acquire(t.Context(), lease.Request{Name: name, Holder: "another", Length: length})
				return err
			},
			"renew":   func(m lease.Manager, held lease.Lease) error { _, err := m.Renew(t.Context(), held); return err },
			"release": func(m lease.Manager, held lease.Lease) error { return m.Release(t.Context(), held) },
		} {
			store := &tampered{Store: memory.NewStore()}
			m := lease.NewManager(store)
			held, err := m.Acquire(t.Context(), lease.Request{Name: name, Holder: "holder", Length: length})
			require.NoError(t, err)
			put := bytes.ReplaceAll(data, []byte("MINE"), []byte(held.ID))
			store.tamper(t, held.Version, put)
			before, unreadable := lease.Inspect(t.Context(), m, name)
			for listed, err := range lease.List(t.Context(), m, "") {
				require.NoError(t, err, "the list goes on")
				require.Equal(t, unreadable == nil, listed.Err == nil)
			}
			err = try(m, held)
			after, _ := lease.Inspect(t.Context(), m, name)
			left, loadErr := store.Load(t.Context(), name)
			require.NoError(t, loadErr)
			if err != nil {
				require.Equal(t, put, left.Data, "%s: %v", op, err)
			}
			if unreadable != nil {
				require.ErrorIs(t, unreadable, lease.ErrRecord)
				require.ErrorIs(t, err, lease.ErrRecord, op)
				continue
			}
			require.False(t, mustRefuse(put), "it is taken for a record: %+v", before)
			require.True(t, before.ID != "" && before.Token > 0 && before.Length > 0, "%+v", before)
			wantMove(t, op, held, before, after, err)
		}
	})
}

// tampered is a store with a cell that somebody has changed past it, so that it may hold what no Swap takes.
type tampered struct {
	*memory.Store
	version lease.Version // of the change
	data    []byte
}

func (s *tampered) tamper(t *testing.T, old lease.Version, data []byte) {
	version, err := s.Swap(t.Context(), name, old, nil)
	require.NoError(t, err)
	s.version, s.data = version, data
}

func (s *tampered) shown(snapshot lease.Snapshot) lease.Snapshot {
	if snapshot.Version != "" && snapshot.Version == s.version {
		snapshot.Data = bytes.Clone(s.data)
	}
	return snapshot
}

func (s *tampered) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	snapshot, err := s.Store.Load(ctx, name)
	return s.shown(snapshot), err
}

func (s *tampered) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		for cell, err := range s.Store.List(ctx, prefix) {
			cell.Snapshot = s.shown(cell.Snapshot)
			if !yield(cell, err) {
				return
			}
		}
	}
}

// mustRefuse tells of some data that no reader of formats 1 and 2 may act on it: it is more than a cell holds, or not UTF-8, or
// the one object in it says another format.
func mustRefuse(data []byte) bool {
	var fields map[string]json.RawMessage
	return lease.CheckCell(data) != nil || json.Unmarshal(data, &fields) != nil ||
		string(fields["format"]) != "1" && string(fields["format"]) != "2"
}

// wantMove fails unless a call did with the record what the rules say.
func wantMove(t *testing.T, op string, held lease.Lease, before, after lease.Info, err error) {
	t.Helper()
	ours := before.ID == held.ID
	switch {
	case op == "acquire" && before.State == lease.Held:
		require.ErrorIs(t, err, lease.ErrHeld)
	case op == "acquire" && before.Token == math.MaxUint64:
		require.ErrorIs(t, err, lease.ErrRecord, "no token is greater")
	case op == "acquire":
		require.NoError(t, err)
		require.Equal(t, before.Token+1, after.Token, "R5")
		require.NotEqual(t, before.ID, after.ID)
	case !ours || before.State == lease.Free:
		var lost *lease.LostError
		require.ErrorAs(t, err, &lost, op)
		require.Equal(t, map[bool]lease.LostReason{true: lease.LostReleased, false: lease.LostTaken}[ours], lost.Reason)
	default:
		require.NoError(t, err, op)
		require.Equal(t, held.Token, after.Token)
		require.Equal(t, map[string]lease.State{"renew": lease.Held, "release": lease.Free}[op], after.State)
	}
}

// FuzzUnknownFields: a field that a later program adds changes nothing for this one, whatever it is called, whatever is
// in it and wherever it stands; and this one's next write may drop it. A name that differs from one of ours in case
// alone is another.
func FuzzUnknownFields(f *testing.F) {
	f.Add("later", []byte(`{"deep":[1,null]}`), false)
	f.Add("", []byte(`"\ud800"`), true)
	f.Add("token ", []byte(`1e999`), true)
	f.Add("id\u0000", []byte(`[[[[]]]]`), false)
	f.Add("Token", []byte(`8`), true)
	f.Add("RELEASED", []byte(`true`), true)
	f.Fuzz(func(t *testing.T, field string, value []byte, last bool) {
		key, err := json.Marshal(field)
		require.NoError(t, err)
		ours := strings.Fields("format token id holder length nonce released broken attributes renew_every hold_at_least acquired renewed")
		if slices.Contains(ours, field) || !json.Valid(value) || !utf8.Valid(value) || len(key)+len(value) > lease.MaxCell/2 {
			return
		}
		with := "{" + string(key) + ":" + string(value) + "," + aRecord[1:]
		if last {
			with = aRecord[:len(aRecord)-1] + "," + string(key) + ":" + string(value) + "}"
		}
		want, got := inspect(t, aRecord), inspect(t, with)
		got.Age, got.RetryAfter, got.Version = want.Age, want.RetryAfter, want.Version
		require.Equal(t, want, got)
	})
}

func inspect(t *testing.T, data string) lease.Info {
	t.Helper()
	store := memory.NewStore()
	_, err := store.Swap(t.Context(), name, "", []byte(data))
	require.NoError(t, err)
	info, err := lease.Inspect(t.Context(), lease.NewManager(store), name)
	require.NoError(t, err, data)
	return info
}

// goodText matches the text of a valid name or attribute: the rule of the library, written a second time in another way.
var goodText = regexp.MustCompile(`^[^\p{Cc}]*$`)

func isGood(text string, least int) bool {
	return len(text) >= least && utf8.ValidString(text) && goodText.MatchString(text)
}

// attributesOf makes attributes of a text: keys and values in turn, between zero bytes.
func attributesOf(text string) (attributes map[string]string) {
	parts := strings.Split(text, "\x00")
	for i := 1; i < len(parts); i += 2 {
		if attributes == nil {
			attributes = map[string]string{}
		}
		attributes[parts[i-1]] = parts[i]
	}
	return attributes
}

// FuzzRequest: Validate refuses what the rules say and nothing else; a manager refuses the same, before anything is
// sent; and what it does not refuse is read back exactly, by the same manager and by another, through a whole term.
func FuzzRequest(f *testing.F) {
	f.Add("orders", "worker", int64(length), "address\x0010.0.0.1:80\x00zone\x00é世")
	f.Add("e\u0301\u2028\ufeff", "\u00a0", int64(1), "")
	f.Add(strings.Repeat("世", 85), strings.Repeat("<", 255), int64(math.MaxInt64), "<\x00"+strings.Repeat("<", 1023))
	f.Add("a\u0085", "w", int64(1), "")
	f.Add("a", "\x7f", int64(1), "")
	f.Add(strings.Repeat("a", 256), "w", int64(1), "")
	f.Add(strings.Repeat("a", 255), strings.Repeat("b", 256), int64(1), "")
	f.Add("a", "w", int64(1), strings.Repeat("k", 512)+"\x00"+strings.Repeat("v", 513))
	f.Add(strings.Repeat("世", 86), "\x7f", int64(0), "\x00v\x00k\x00\xff")
	f.Add("a\x85", "\xed\xa0\x80", int64(-1), "a\nb\x00c")
	f.Add("a", "\ufffd", int64(time.Hour), "k\x00v\x00K\x00v\x00k \x00v")
	f.Fuzz(func(t *testing.T, name, holder string, length int64, attributes string) {
		req := lease.Request{Name: name, Holder: holder, Length: time.Duration(length), Attributes: attributesOf(attributes)}
		good, size := length > 0 && isGood(name, 1) && len(name) <= 255 && isGood(holder, 1) && len(holder) <= 255, 0
		for key, value := range req.Attributes {
			size += len(key) + len(value)
			good = good && isGood(key, 1) && isGood(value, 0)
		}
		err := req.Validate(lease.Limits{})
		require.Equal(t, good && size <= 1024, err == nil, "%v", err)
		require.Equal(t, isGood(name, 1) && len(name) <= 255, lease.CheckName(name) == nil)

		store := memory.NewStore()
		m := lease.NewManager(store)
		held, acquired := m.Acquire(t.Context(), req)
		if err != nil {
			require.ErrorIs(t, err, lease.ErrInvalid)
			require.ErrorIs(t, acquired, lease.ErrInvalid)
			require.Equal(t, 0, len(names(t, m, "")), "nothing was sent")
			return
		}
		require.NoError(t, acquired)
		wantSame(t, req, lease.Info{Name: held.Name, Holder: held.Holder, Length: held.Length, Attributes: held.Attributes})
		cell, err := store.Load(t.Context(), name)
		require.NoError(t, err)
		require.NoError(t, lease.CheckCell(cell.Data))
		other := lease.NewManager(ageless{store}) // a lease may last a nanosecond
		_, err = other.Acquire(t.Context(), req)
		var by *lease.HeldError
		require.ErrorAs(t, err, &by)
		wantSame(t, req, by.Info)
		renewed, err := m.Renew(t.Context(), held)
		require.NoError(t, err)
		require.NotEqual(t, held.Version, renewed.Version)
		renewed.Version = held.Version
		require.Equal(t, held, renewed)
		info, err := lease.Inspect(t.Context(), other, name)
		require.NoError(t, err)
		wantSame(t, req, info)
		require.NoError(t, m.Release(t.Context(), held))
		info, err = lease.Inspect(t.Context(), other, name)
		require.NoError(t, err)
		require.Equal(t, lease.Free, info.State)
		wantSame(t, req, info)
		for cut := range len(name) + 1 {
			require.Equal(t, []string{name}, names(t, m, name[:cut]))
		}
		require.Empty(t, names(t, m, name+"x"))
	})
}

func wantSame(t *testing.T, req lease.Request, got lease.Info) {
	require.Equal(t, req, lease.Request{Name: got.Name, Holder: got.Holder, Length: got.Length, Attributes: got.Attributes})
}

func names(t *testing.T, m lease.Manager, prefix string) (names []string) {
	for info, err := range lease.List(t.Context(), m, prefix) {
		require.NoError(t, err)
		require.NoError(t, info.Err)
		names = append(names, info.Name)
	}
	return names
}
