package lease_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/host"
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
		strings.Replace(aRecord, "1", "2", 1), strings.Replace(aRecord, "1", "2e0", 1), strings.Replace(aRecord, `"x"`, `""`, 1),
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
			store := memory.NewStore()
			m := lease.NewManager(store)
			held, err := m.Acquire(t.Context(), lease.Request{Name: name, Holder: "holder", Length: length})
			require.NoError(t, err)
			put := bytes.ReplaceAll(data, []byte("MINE"), []byte(held.ID))
			_, err = store.Swap(t.Context(), name, held.Version, put)
			require.NoError(t, err)
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

// mustRefuse tells of some data that no reader of format 1 may act on it: it is more than a cell holds, or not UTF-8, or
// the one object in it says another format.
func mustRefuse(data []byte) bool {
	var fields map[string]json.RawMessage
	return lease.CheckCell(data) != nil || json.Unmarshal(data, &fields) != nil || string(fields["format"]) != "1"
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
		ours := strings.Fields("format token id holder length nonce released broken attributes renew_every acquired renewed")
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

// goodText is what a name or an attribute is written in, said once more in other words.
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

// scripted is a machine whose clocks show what a test says. Its timers never fire: the test looks by itself.
type scripted struct {
	host.Host
	now host.Reading
}

func (s *scripted) Read() host.Reading                         { return s.now }
func (s *scripted) Now() time.Time                             { return time.Unix(0, int64(s.now.Wall)) }
func (s *scripted) AfterFunc(time.Duration, func()) host.Timer { return s }
func (s *scripted) Stop() bool                                 { return true }

// tick moves the clocks: the monotonic one and that of the boot only forward, the wall clock anywhere after 1970, as what
// it counts in has no room for more.
func (s *scripted) tick(step []byte) {
	forward := func(at time.Duration, by uint64) time.Duration {
		return at + time.Duration(by%uint64(math.MaxInt64-at+1))
	}
	by := binary.LittleEndian.Uint64(step[1:]) >> (step[0] & 63)
	switch step[0] >> 6 {
	case 0:
		s.now.Mono = forward(s.now.Mono, by)
	case 1:
		s.now.Boot = forward(s.now.Boot, by)
	case 2:
		s.now.Wall = forward(s.now.Wall, by)
	default:
		s.now.Wall = time.Duration(by >> 1)
	}
}

// running is a machine with a clock that counts suspension: without one, a step back is the end.
func running() *scripted { return &scripted{now: host.Reading{Boot: 1}} }

// sum is what R3 counts: the sum of the largest of what the clocks say between two samples that are ten milliseconds
// apart, or whose clocks differ by as much, and what they say since the latest of these.
type sum struct {
	last          host.Reading
	base, counted *big.Int
}

// differ is that what one clock says passed is ten milliseconds more than what another says.
func (s sum) differ(now host.Reading) bool {
	passed := [][2]time.Duration{{now.Mono, s.last.Mono}, {now.Boot, s.last.Boot}, {now.Wall, s.last.Wall}}
	for _, a := range passed {
		for _, b := range passed {
			d := new(big.Int).Sub(big.NewInt(int64(a[0]-a[1])), big.NewInt(int64(b[0]-b[1])))
			if d.Cmp(big.NewInt(1e7)) >= 0 {
				return true
			}
		}
	}
	return false
}

func sumFrom(now host.Reading) sum { return sum{now, new(big.Int), new(big.Int)} }

func (s sum) sample(now host.Reading) sum {
	passed := max(now.Mono-s.last.Mono, now.Boot-s.last.Boot, now.Wall-s.last.Wall, 0)
	counted := new(big.Int).Add(s.base, big.NewInt(int64(passed)))
	if most := big.NewInt(math.MaxInt64); counted.Cmp(most) > 0 {
		counted = most
	}
	if s.counted.Cmp(counted) < 0 {
		s.counted = counted
	}
	if passed >= 10*time.Millisecond || s.differ(now) {
		s.last, s.base = now, s.counted
	}
	return s
}

// steps cuts a script into pieces of one byte for what happens and eight for how much.
func steps(script []byte) (steps [][]byte) {
	for ; len(script) >= 9 && len(steps) < 200; script = script[9:] {
		steps = append(steps, script[:9])
	}
	return steps
}

func script(steps ...any) []byte {
	var b bytes.Buffer
	for _, step := range steps {
		switch step := step.(type) {
		case int:
			b.WriteByte(byte(step))
		case time.Duration:
			_ = binary.Write(&b, binary.LittleEndian, uint64(step))
		}
	}
	return b.Bytes()
}

// FuzzInstant: what is counted is the sum of the largest of what the clocks say between two samples (R3), however the
// clocks are stepped, and if that is more than a duration can be, as long as there is. It never becomes less, nor less
// than what a clock shows that only goes forward.
func FuzzInstant(f *testing.F) {
	const mono, boot, wall, set = 0, 64, 128, 192
	f.Add(script(mono, time.Second, boot, time.Minute, wall, time.Hour, set, time.Duration(0)))
	f.Add(script(boot, time.Duration(math.MaxInt64), wall, time.Duration(math.MaxInt64), mono, time.Duration(math.MaxInt64)))
	f.Add(script(set, time.Duration(-1), set, time.Duration(1), set, time.Duration(-1), set, time.Duration(1)))
	f.Add(script(mono, time.Millisecond, boot, 9*time.Millisecond, wall, 5*time.Millisecond, boot, 2*time.Millisecond))
	f.Fuzz(func(t *testing.T, data []byte) {
		clocks := running()
		start := lease.NowIn(host.With(t.Context(), clocks))
		want, before := sumFrom(clocks.now), time.Duration(0)
		for _, step := range steps(data) {
			clocks.tick(step)
			want = want.sample(clocks.now)
			start = start.Sample()
			got := start.Elapsed()
			require.Equal(t, want.counted.Int64(), int64(got))
			require.GreaterOrEqual(t, got, max(before, clocks.now.Mono, clocks.now.Boot-1))
			before = got
		}
		require.Equal(t, time.Duration(math.MaxInt64), lease.Instant{}.Elapsed(), "the zero Instant is infinitely long ago")
	})
}

// FuzzTerm: whatever the clocks do, and however renewals come, a term holds exactly as long as its latest renewal gives:
// its length less the margin, from before it was sent, by the clock that says most (R2, R3). A renewal that was sent
// before, and gives less, takes nothing away, unless the record now says a shorter length. Once the term has ended, it
// never holds again (R8).
func FuzzTerm(f *testing.F) {
	const mono, boot, swap, send, extend = 0, 64, 64 + 63, 128 + 63, 192 + 63
	f.Add(int64(10*time.Second), script(mono, 8*time.Second, send, time.Duration(0), mono, 500*time.Millisecond,
		extend, 10*time.Second, boot, 8*time.Second, mono, 2*time.Second, extend, time.Hour))
	f.Add(int64(10*time.Second), script(mono, 9*time.Second-1, mono, time.Duration(1), extend, time.Hour))
	f.Add(int64(10*time.Second), script(mono, time.Second, extend, 5*time.Second, boot, 4*time.Second))
	f.Add(int64(5*time.Second), script(send, time.Duration(0), mono, time.Second, extend, 10*time.Second, send, time.Duration(0), extend, 7*time.Second))
	f.Add(int64(10*time.Second), script(mono, 2*time.Second, swap, time.Duration(0), send, time.Duration(0), extend, 10*time.Second,
		swap, time.Duration(0), extend, 10*time.Second, mono, 8*time.Second, boot, time.Second))
	f.Add(int64(math.MaxInt64), script(mono, time.Duration(math.MaxInt64), boot, time.Duration(math.MaxInt64)))
	f.Add(int64(1), script(mono, time.Duration(1)))
	f.Add(int64(-1), script(extend, time.Second))
	f.Add(int64(time.Minute), script(send, time.Duration(0), extend, time.Second, boot, time.Second, extend, time.Hour))
	f.Fuzz(func(t *testing.T, length int64, data []byte) {
		clocks := running()
		parent := host.With(t.Context(), clocks)
		sent := lease.NowIn(parent) // a request that is under way
		sentSum := sumFrom(clocks.now)
		other, otherSum := sent, sentSum // another
		since, alive := sentSum, true    // from when the term counts
		usable := func(length int64) *big.Int { return big.NewInt(max(length-length/10, 0)) }
		left := func(length int64, since sum) *big.Int { return new(big.Int).Sub(usable(length), since.counted) }
		ctx, keeper := lease.StartTerm(parent, lease.Lease{Name: name, Token: 1, Length: time.Duration(length)}, sent)
		term, ok := lease.TermFrom(ctx)
		require.True(t, ok)
		look := func() {
			t.Helper()
			since = since.sample(clocks.now)
			alive = alive && left(length, since).Sign() > 0
			err, remaining := term.Check(), term.Remaining()
			require.Equal(t, alive, err == nil, "%v, %v left", err, left(length, since))
			require.Equal(t, alive, !term.Deadline().IsZero())
			if alive {
				require.Equal(t, left(length, since).Int64(), int64(remaining))
				require.NoError(t, ctx.Err())
				return
			}
			require.ErrorIs(t, err, lease.ErrLost)
			require.Zero(t, remaining)
			require.ErrorIs(t, context.Cause(ctx), lease.ErrLost)
		}
		look()
		for _, step := range steps(data) {
			value := int64(binary.LittleEndian.Uint64(step[1:]))
			switch step[0] {
			case send:
				sent, sentSum = lease.NowIn(parent), sumFrom(clocks.now)
			case swap: // the one that was sent before may be answered later
				sent, sentSum, other, otherSum = other, otherSum, sent, sentSum
			case extend:
				keeper.Extend(lease.Lease{Name: name, Token: 1, Length: time.Duration(value)}, sent)
				if value < length || left(value, sentSum).Cmp(left(length, since)) >= 0 {
					length, since = value, sentSum
				}
			default:
				clocks.tick(step)
				sent, other = sent.Sample(), other.Sample()
				sentSum, otherSum = sentSum.sample(clocks.now), otherSum.sample(clocks.now)
			}
			look()
		}
		keeper.End(nil)
		require.Error(t, term.Check())
	})
}
