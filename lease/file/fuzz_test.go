package file

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

// quick is a store on a machine that stands still, and on a disk that is not waited for: what is fuzzed is not power
// failures.
func quick(t testing.TB, dir string) *Store {
	t.Helper()
	return NewStore(dir, func(s *Store) {
		s.disk.sync = func(*os.File) error { return nil }
		s.here = func() origin { return origin{Boot: "b1", Clock: time.Hour, Machine: "m1", TimeNS: "t1"} }
	})
}

const (
	aHeader = `{"leaseFile":1,"nonce":"n","boot":"b1","nanosSinceBoot":3000000000000,"machine":"m1","timeNamespace":"t1"}` + "\n"
	aRecord = `{"format":1,"token":7,"id":"x","holder":"w","length":"15s","nonce":"n","released":false}`
)

// full is a record that fills a cell.
var full = aRecord + strings.Repeat(" ", lease.MaxCell-len(aRecord))

// long returns a header of so many bytes, without its line break.
func long(size int) string {
	return strings.Replace(aHeader, "}", strings.Repeat(" ", size+len("\n")-len(aHeader))+"}", 1)
}

// isNewer tells of a file whose header is of a later format, by the one field that says so.
func isNewer(content []byte) bool {
	line, _, _ := bytes.Cut(content, []byte("\n"))
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(line, &fields)
	return string(fields["leaseFile"]) != "1"
}

// FuzzCellFile: whatever somebody has written into a cell's file, all of it is read, and is the data behind a header, or
// it is an ErrRecord; and no call replaces what it cannot read, or what is not what was read.
func FuzzCellFile(f *testing.F) {
	for _, content := range []string{
		"", "\n", "{}\n", aHeader, aHeader + aRecord, aHeader + "\xff", aHeader + "{", aHeader[1:] + aRecord, aRecord,
		strings.Replace(aHeader, "1", "2", 1) + aRecord, strings.TrimSpace(aHeader), "[]\n" + aRecord,
		strings.Replace(aHeader, "b1", "b0", 1) + aRecord, strings.Replace(aHeader, ":3", ":-3", 1) + aRecord,
		aHeader + strings.Replace(aRecord, "false", "true", 1), aHeader + strings.Replace(aRecord, `"format":1`, `"format":3`, 1),
		aHeader + strings.Repeat("x", lease.MaxCell), aHeader + strings.Repeat("x", lease.MaxCell+1),
		long(maxHeader) + aRecord, long(maxHeader+1) + aRecord, long(maxHeader) + full, long(maxHeader) + full + " ", long(2*maxHeader) + full,
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		s := quick(t, t.TempDir())
		cell := filepath.Join(s.dir, "lease-a.json")
		require.NoError(t, os.WriteFile(cell, content, 0o600))
		wantLeft := func() {
			t.Helper()
			left, err := os.ReadFile(cell)
			require.NoError(t, err)
			require.True(t, bytes.Equal(content, left), "the file has changed")
		}
		found, err := s.Load(t.Context(), "a")
		_, wrong := s.Swap(t.Context(), "a", "never", []byte("x"))
		wantLeft()
		_, data, _ := bytes.Cut(content, []byte("\n"))
		if err != nil {
			require.ErrorIs(t, err, lease.ErrRecord)
			require.ErrorIs(t, wrong, lease.ErrRecord)
		} else {
			require.ErrorIs(t, wrong, lease.ErrConflict)
			require.True(t, bytes.Equal(data, found.Data), "%d bytes are read of %d", len(found.Data), len(data))
			require.NoError(t, lease.CheckCell(found.Data))
			require.False(t, isNewer(content), "it is of a later format")
			require.True(t, found.Age == lease.Forever || 0 <= found.Age && found.Age < time.Hour, "%v", found.Age)
			require.NoError(t, os.WriteFile(cell, append(bytes.Clone(content), ' '), 0o600))
			if more, err := s.Load(t.Context(), "a"); err == nil {
				require.NotEqual(t, found.Version, more.Version)
			}
			require.NoError(t, os.WriteFile(cell, content, 0o600))
		}
		m := lease.NewManager(s)
		info, unreadable := lease.Inspect(t.Context(), m, "a")
		_, acquired := m.Acquire(t.Context(), lease.Request{Name: "a", Holder: "h", Length: time.Minute})
		if acquired != nil {
			wantLeft()
		}
		switch {
		case unreadable != nil:
			require.ErrorIs(t, unreadable, lease.ErrRecord)
			require.ErrorIs(t, acquired, lease.ErrRecord)
		case info.State == lease.Held:
			require.ErrorIs(t, acquired, lease.ErrHeld)
		case info.Token+1 == 0:
			require.ErrorIs(t, acquired, lease.ErrRecord)
		default:
			require.NoError(t, acquired)
			after, err := lease.Inspect(t.Context(), m, "a")
			require.NoError(t, err)
			require.Equal(t, info.Token+1, after.Token)
		}
	})
}

// FuzzAge: the age that a header gives is never more than the truth, whatever stands in it: a clock that began at zero
// when the machine started has never shown less.
func FuzzAge(f *testing.F) {
	here := origin{Boot: "b1", Clock: time.Hour, Machine: "m1", TimeNS: "t1"}
	for _, header := range []string{
		aHeader, `{"boot":"b1","nanosSinceBoot":-1}`, `{"boot":"b1","nanosSinceBoot":-9223372036854775808,"timeNamespace":"t1"}`,
		`{"boot":"b0","nanosSinceBoot":1,"machine":"m1","timeNamespace":"t1"}`, `{"boot":"b1","machine":"m2","timeNamespace":"t1"}`,
		`{"boot":"b1","nanosSinceBoot":9223372036854775807,"timeNamespace":"t1"}`, "{}",
		`{"boot":"b1","nanosSinceBoot":1,"timeNamespace":"t2"}`, `{"boot":"b0","nanosSinceBoot":1,"machine":"m2","timeNamespace":"t1"}`,
		`{"boot":"b0","nanosSinceBoot":1,"timeNamespace":"t1"}`, `{"boot":"b0","nanosSinceBoot":1,"machine":"m1","timeNamespace":"t2"}`,
	} {
		f.Add(header, int64(here.Clock))
	}
	f.Fuzz(func(t *testing.T, text string, clock int64) {
		var h header
		if json.Unmarshal([]byte(text), &h) != nil {
			return
		}
		now := here
		now.Clock = time.Duration(clock & (1<<63 - 1)) // as any machine's
		age := h.age(now)
		passed := new(big.Int).Sub(big.NewInt(int64(now.Clock)), big.NewInt(int64(h.Clock)))
		switch {
		case age == 0:
		case h.Boot == now.Boot:
			if passed.Sign() == 0 {
				passed.SetInt64(1) // it is known
			}
			require.Equal(t, passed, big.NewInt(int64(age)))
			require.LessOrEqual(t, age, now.Clock, "before the machine started")
			require.Equal(t, now.TimeNS, h.TimeNS)
		default:
			require.Equal(t, lease.Forever, age)
			require.Equal(t, now.Machine, h.Machine, "only then is its writer known to be dead")
			require.Equal(t, now.TimeNS, h.TimeNS)
			require.NotEmpty(t, h.Boot)
		}
	})
}

// FuzzList: what was written under a name is found under it and no other, a list finds just the names with its prefix,
// and nothing is outside the directory.
func FuzzList(f *testing.F) {
	f.Add("orders", "orders/1", "ord")
	f.Add("../x", "..", "")
	f.Add("A", "a", "a")
	f.Add("é", "e\u0301", "\xc3")
	f.Add(strings.Repeat("a", 120), strings.Repeat("a", 121), strings.Repeat("a", 120))
	f.Add(strings.Repeat("日", 85), strings.Repeat("日", 84), "日\xe6")
	f.Add("con", "lease-", "lease-\x00")
	f.Fuzz(func(t *testing.T, a, b, prefix string) {
		if lease.CheckName(a) != nil || lease.CheckName(b) != nil || a == b {
			return
		}
		root := t.TempDir()
		s := quick(t, filepath.Join(root, "leases"))
		want := map[string]string{}
		for i, name := range []string{a, b} {
			data := fmt.Sprint(i)
			_, err := s.Swap(t.Context(), name, "", []byte(data))
			require.NoError(t, err)
			if strings.HasPrefix(name, prefix) {
				want[name] = data
			}
		}
		got := map[string]string{}
		for c, err := range s.List(t.Context(), prefix) {
			require.NoError(t, err)
			require.NoError(t, c.Err)
			require.NotContains(t, got, c.Name)
			got[c.Name] = string(c.Snapshot.Data)
		}
		require.Equal(t, want, got)
		entries, err := os.ReadDir(root)
		require.NoError(t, err)
		require.Len(t, entries, 1)
	})
}

// FuzzDirectory: a URL can name every possible directory, and names the one that it shows.
func FuzzDirectory(f *testing.F) {
	f.Add("/var/lib/leader", false)
	f.Add("state/leases", false)
	f.Add("/C:/ProgramData/leader", true)
	f.Add("//a/../%2f?#; é\\", false)
	f.Add("@:", false)
	f.Fuzz(func(t *testing.T, dir string, windows bool) {
		if dir == "" || strings.ContainsRune(dir, 0) {
			return
		}
		text := "file:" + url.PathEscape(dir)
		if strings.HasPrefix(dir, "/") {
			text = (&url.URL{Scheme: "file", Path: dir}).String()
		}
		u, err := url.Parse(text)
		require.NoError(t, err, text)
		got, err := storeurl.Directory(u, windows)
		require.NoError(t, err, text)
		if windows && len(dir) > 2 && dir[0] == '/' && dir[2] == ':' {
			dir = dir[1:]
		}
		require.Equal(t, filepath.FromSlash(dir), got, text)
	})
}

// What FuzzCellFile found: of a file that was longer than what is read, the first part was taken for all of it.
func TestFileOfWhichNotAllIsRead(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		content  string
		readable bool
	}{
		"the longest header":        {long(maxHeader) + full, true},
		"one byte more of data":     {long(maxHeader) + full + " ", false},
		"a header that is longer":   {long(maxHeader+1) + aRecord, false},
		"and the longest data, too": {long(2*maxHeader) + full, false},
	} {
		s := quick(t, t.TempDir())
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, "lease-a.json"), []byte(c.content), 0o600))
		found, err := s.Load(t.Context(), "a")
		if c.readable {
			require.NoError(t, err, what)
			require.Equal(t, len(full), len(found.Data), what)
			continue
		}
		require.ErrorIs(t, err, lease.ErrRecord, what)
	}
}

// What FuzzCellFile and FuzzAge found: a clock before the start of the machine made a lease look older than it can be.
func TestAgeOfAClockBelowZero(t *testing.T) {
	t.Parallel()
	for _, clock := range []time.Duration{-1, -time.Hour, -1 << 63} {
		then := origin{Boot: "b1", Clock: clock}
		require.Zero(t, then.age(origin{Boot: "b1", Clock: time.Hour}), "%v", clock)
	}
}
