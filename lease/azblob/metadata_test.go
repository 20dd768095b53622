package azblob

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

var (
	identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) // in C#, if it is ASCII
	headerText = regexp.MustCompile(`^[!-~]+$`)                 // nothing that is trimmed, folded or encoded on the way
)

// wantFit fails unless Azure takes the metadata as they are.
func wantFit(t testing.TB, all metadata) {
	t.Helper()
	size := 0
	for key, value := range all {
		size += len(key) + len(*value)
		assert.Regexp(t, identifier, key)
		assert.Regexp(t, headerText, *value)
	}
	assert.LessOrEqual(t, size, 8<<10)
}

// The stored form is a contract with the programs of other versions.
func TestMetadataAsStored(t *testing.T) {
	t.Parallel()
	r := record{
		token: 7, id: "an ID", holder: "worker 1", length: 15 * time.Second, acquired: time.Date(2024, 2, 29, 23, 59, 59, 999e6, time.UTC),
		renewEvery: 5 * time.Second, attributes: map[string]string{"address": "10.0.0.1:80"},
		history: "6 released - - node+1", next: "node 2", heeds: "handover drain", hold: 90 * time.Second,
		wish: lease.Wish{Kind: "handover", For: "node 3", By: "é", At: time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC), State: lease.WishAsked},
	}
	all := map[string]string{}
	for key, value := range r.encode(metadata{"theirs": pointer("kept")}) {
		all[key] = *value
	}
	require.Equal(t, map[string]string{
		"leader_format": "1", "leader_token": "7", "leader_id": "an+ID", "leader_holder": "worker+1", "leader_length": "15s",
		"leader_acquired": "2024-02-29T23:59:59.999Z", "leader_renew_every": "5s", "leader_attributes": "address=10.0.0.1%3A80", "leader_next": "7+node+2", "leader_heeds": "7+handover+drain", "leader_hold_at_least": "7+1m30s",
		"leader_wish": "7+at=2024-02-29T23%3A59%3A59.000Z&by=%C3%A9&for=node+3&kind=handover&state=asked", "leader_history": "6+released+-+-+node%2B1", "theirs": "kept",
	}, all)
}

// FuzzMetadata: Azure takes the output of encode, and decode reads it back.
func FuzzMetadata(f *testing.F) {
	f.Add(uint64(1), "id", "holder", int64(15), "key", "value", "other", "")
	f.Add(uint64(1<<63), "a b", "ключ 🔑+%2F", int64(60), " ", "\ufeff\u2028&=;", "e\u0301", "x")
	f.Add(uint64(7), "=", strings.Repeat("世", 85), int64(1), "k", strings.Repeat("ü", 500), "l", "")
	f.Fuzz(func(t *testing.T, token uint64, id, holder string, seconds int64, key1, value1, key2, value2 string) {
		r := record{
			token: token, id: id, holder: holder, length: time.Duration(seconds%1000) * time.Second,
			acquired: time.Unix(seconds%1e9, 0).UTC(), attributes: map[string]string{key1: value1, key2: value2},
		}
		valid := lease.Request{Name: "x", Holder: holder, Length: r.length, Attributes: r.attributes}.Validate(lease.Limits{})
		if valid != nil || token == 0 || token == 1<<64-1 || id == "" || !utf8.ValidString(id) || len(id) > 100 {
			return
		}
		all := r.encode(metadata{"theirs": pointer("kept")})
		wantFit(t, all)
		canonical := metadata{}
		for key, value := range all { // as Go's HTTP client shows them
			canonical[strings.ToUpper(key[:1])+key[1:]] = value
		}
		got, others, err := decode(canonical)
		require.NoError(t, err)
		assert.Equal(t, r, got)
		assert.Equal(t, metadata{"Theirs": pointer("kept")}, others)
	})
}

// FuzzForeignMetadata: whatever is there, decode says what it is, and what it takes for a record is one.
func FuzzForeignMetadata(f *testing.F) {
	f.Add("1", "7", "id", "holder", "15s", "a=b")
	f.Add("2", "7", "id", "holder", "15s", "a=b")
	f.Add("3", "", "", "", "", "")
	f.Add("1", "0", "%", "%", "-1s", "%=;")
	f.Fuzz(func(t *testing.T, format, token, id, holder, length, attributes string) {
		all := metadata{
			keyFormat: &format, keyToken: &token, keyID: &id, keyHolder: &holder, keyLength: &length, keyAttributes: &attributes,
		}
		r, _, err := decode(all)
		if err != nil {
			assert.Zero(t, r)
			return
		}
		assert.NotZero(t, r.token)
		assert.NotEmpty(t, r.id)
		assert.NoError(t, lease.CheckName(r.holder))
		assert.Positive(t, r.length)
		if r.valued {
			r.value = "x" // as look reads it
		}
		again, _, err := decode(r.encode(nil))
		require.NoError(t, err)
		again.value = r.value
		assert.Equal(t, r, again)
	})
}

// The longest of everything fits.
func TestLongestMetadata(t *testing.T) {
	t.Parallel()
	r := record{
		token: 1 << 63, id: strings.Repeat("x", 36), holder: strings.Repeat("🚀", 63), length: time.Minute, attributes: map[string]string{}, number: 1<<64 - 1,
		next: strings.Repeat("🚀", 63), heeds: strings.Repeat(strings.Repeat("x", 32)+" ", 7) + "x", hold: math.MaxInt64,
		wish: lease.Wish{Kind: strings.Repeat("x", 32), For: strings.Repeat("🚀", 63), By: strings.Repeat("🚀", 63), At: time.Now(), State: lease.WishWithdrawn},
	}
	for n, left := 0, 1024; left > 0; n++ { // as many keys as there can be, so that as many signs as there can be stand between them
		key := string([]byte{byte('!' + n%15), byte('!' + n/15%15), byte('!' + n/225)}[:min(3, left)])
		r.attributes[key], left = "", left-len(key)
	}
	require.Greater(t, len(r.attributes), 300)
	wantFit(t, r.encode(nil))
	got, _, err := decode(r.encode(nil))
	require.NoError(t, err)
	assert.Equal(t, r.attributes, got.attributes)
	assert.Equal(t, []string{r.wish.For, r.heeds, r.next}, []string{got.wish.For, got.heeds, got.next})
	assert.Equal(t, r.hold, got.hold)
}

// A lease that was never taken has a format and nothing else; it is not mistaken for one that was wiped.
func TestNeverTaken(t *testing.T) {
	t.Parallel()
	all := record{}.encode(nil)
	require.Equal(t, metadata{keyFormat: pointer("1")}, all)
	r, others, err := decode(all)
	require.NoError(t, err)
	assert.Zero(t, r)
	assert.Empty(t, others)
	_, _, err = decode(metadata{"theirs": pointer("x")})
	require.ErrorIs(t, err, errForeign)
}

// A history never makes the metadata larger than a record without one may be, and a damaged one makes no blob unreadable.
func TestHistoryInMetadata(t *testing.T) {
	t.Parallel()
	r := record{token: 7, id: "id", holder: "h", length: 15 * time.Second}
	for n := range 40 {
		r.history = r.history.After(lease.PastTerm{Token: uint64(n), Holder: strings.Repeat("é", n), How: lease.EndReleased})
	}
	for size := 0; size < 1000; size += 50 {
		r.attributes = map[string]string{"k": strings.Repeat("x", size)}
		all := r.encode(nil)
		wantFit(t, all)
		total := 0
		for key, value := range all {
			total += len(key) + len(*value)
		}
		got, _, err := decode(all)
		require.NoError(t, err)
		if kept := got.history.Terms(); len(kept) > 0 {
			require.LessOrEqual(t, total, roomWithHistory)
			require.Equal(t, r.history.Terms()[:len(kept)], kept, "the latest")
		} else {
			require.GreaterOrEqual(t, size, 450)
		}
	}
	all := r.encode(nil)
	for _, damaged := range []string{"%", "long+ago", "7+released+-+-", strings.Repeat("7+released+-+-+w%3B+", 500), "é"} {
		all[keyHistory] = &damaged
		got, _, err := decode(all)
		require.NoError(t, err)
		require.Empty(t, got.history)
	}
}

// A lease that ran out as its holder had said it may is in the history as that.
func TestHistoryOfALeaseThatWasLeft(t *testing.T) {
	t.Parallel()
	for hold, how := range map[time.Duration]lease.Ending{0: lease.EndExpired, time.Minute: lease.EndLeft} {
		s := sight{record: record{token: 7, holder: "h", hold: hold}, state: lease.Expired}
		require.Equal(t, how, s.historyAfter().Terms()[0].How)
		s.state = lease.Free
		require.Equal(t, lease.EndReleased, s.historyAfter().Terms()[0].How)
	}
}

// A program that does not know names of next holders, or wishes, keeps them, as somebody else's metadata, when it acquires the lease: they are void then.
func TestNextAndWishesAreOfTheirTermAlone(t *testing.T) {
	t.Parallel()
	all := record{
		token: 7, id: "id", holder: "h", length: 15 * time.Second, next: "node 2", heeds: "drain", wish: lease.Wish{Kind: "drain", State: lease.WishAsked}, hold: time.Minute,
	}.encode(nil)
	got, _, err := decode(all)
	require.NoError(t, err)
	require.Equal(t, []string{"node 2", "drain", "drain"}, []string{got.next, got.heeds, got.wish.Kind})
	require.Equal(t, time.Minute, got.hold)
	for _, damaged := range []string{"", "7", "7+", "7+%", "7+kind=drain", "7+kind=Drain&state=asked", "drain", "7+state=asked&kind=drain&for=%0A"} {
		damaged := metadata{keyFormat: all[keyFormat], keyToken: all[keyToken], keyID: all[keyID], keyHolder: all[keyHolder], keyLength: all[keyLength], keyWish: &damaged}
		got, _, err = decode(damaged)
		require.NoError(t, err)
		require.Zero(t, got.wish)
	}
	for _, damaged := range []string{"", "7", "7+", "7+%", "7+soon", "7+-1m", "7+1", "1m"} {
		damaged := metadata{keyFormat: all[keyFormat], keyToken: all[keyToken], keyID: all[keyID], keyHolder: all[keyHolder], keyLength: all[keyLength], keyHold: &damaged}
		got, _, err = decode(damaged)
		require.NoError(t, err)
		require.Zero(t, got.hold)
	}
	all[keyToken] = pointer("8")
	got, others, err := decode(all)
	require.NoError(t, err)
	require.Empty(t, got.next+got.heeds+got.wish.Kind)
	require.Zero(t, got.hold)
	require.Empty(t, others)
}
