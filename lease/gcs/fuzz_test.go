package gcs

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"

	"github.com/cloudlease/leader/internal/serverclock"
	"github.com/cloudlease/leader/lease"
)

const aRecord = `{"format":1,"token":7,"id":"x","holder":"w","length":"15s","nonce":"n","released":true}`

// told is a service that says what a test tells it, below the real client: none can be made to say such things.
type told struct {
	header  http.Header
	content []byte
	puts    int
}

func (s *told) RoundTrip(r *http.Request) (*http.Response, error) {
	header, content := s.header.Clone(), s.content
	if r.Method != http.MethodGet {
		s.puts++
		object, sent, err := contentOf(r)
		if err != nil {
			return nil, err
		}
		header, content = http.Header{"Content-Type": {"application/json"}}, []byte(written("b", object, sent, 8))
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(bytes.NewReader(content)), ContentLength: int64(len(content)), Request: r,
	}, nil
}

func (s *told) store(t testing.TB) *Store {
	t.Helper()
	client, err := NewClient(context.Background(), option.WithHTTPClient(&http.Client{Transport: s}), option.WithoutAuthentication())
	require.NoError(t, err)
	return NewStore(client, "b", WithAge())
}

// FuzzObject: whatever an object holds, all of it is read, or it is an ErrRecord; and what is no record is not replaced.
func FuzzObject(f *testing.F) {
	for _, content := range []string{
		"", "{}", "null", aRecord, aRecord[1:], aRecord + "\xff", strings.Replace(aRecord, `"format":1`, `"format":3`, 1),
		aRecord + strings.Repeat(" ", lease.MaxCell-len(aRecord)), aRecord + strings.Repeat(" ", lease.MaxCell-len(aRecord)+1),
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		service := &told{header: http.Header{"X-Goog-Generation": {"7"}}, content: content}
		s := service.store(t)
		found, err := s.Load(t.Context(), "a")
		if err != nil {
			require.ErrorIs(t, err, lease.ErrRecord)
		} else {
			require.True(t, bytes.Equal(content, found.Data), "%d bytes are read of %d", len(found.Data), len(content))
			require.LessOrEqual(t, len(found.Data), lease.MaxCell)
			require.Equal(t, lease.Version("7"), found.Version)
		}
		m := lease.NewManager(s)
		info, unreadable := lease.Inspect(t.Context(), m, "a")
		_, err = m.Acquire(t.Context(), lease.Request{Name: "a", Holder: "h", Length: time.Minute})
		require.Equal(t, err == nil, service.puts > 0)
		if unreadable != nil {
			require.ErrorIs(t, unreadable, lease.ErrRecord)
			require.ErrorIs(t, err, lease.ErrRecord)
		} else {
			require.Equal(t, err == nil, info.State != lease.Held && info.Token+1 != 0, "%v", err)
		}
	})
}

// FuzzAnswer: whatever the headers of an answer say, its age is never more than what they prove: the Date less the
// Last-Modified, less what both leave out; and only a generation that the service said makes a version.
func FuzzAnswer(f *testing.F) {
	const now = "Sat, 01 Mar 2025 23:59:58 GMT"
	f.Add(now, "Sat, 01 Mar 2025 23:59:50 GMT", "7")
	f.Add("", now, "9223372036854775807")
	f.Add("", "Fri, 31 Dec 9999 23:59:59 GMT", "7")
	f.Add("", "Wed, 31 Dec 1969 23:00:00 GMT", "7")
	f.Add(now, "", "07")
	f.Add("soon", "yesterday", "")
	f.Add(now, "Fri, 31 Dec 9999 23:59:59 GMT", "-1")
	f.Add("Fri, 31 Dec 9999 23:59:59 GMT", "Sat, 01 Jan 0000 00:00:00 GMT", "0")
	f.Add("Sat, 01 Jan 0000 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "7")
	f.Add("Sunday, 02-Mar-25 00:00:58 GMT", "Sun Mar  2 00:00:58 2025", "7")
	f.Fuzz(func(t *testing.T, date, modified, generation string) {
		service := &told{header: http.Header{}, content: []byte(aRecord)}
		for name, value := range map[string]string{"Date": date, "Last-Modified": modified, "X-Goog-Generation": generation} {
			if value != "" {
				service.header.Set(name, value)
			}
		}
		s := service.store(t)
		found, err := s.Load(t.Context(), "a")
		if err != nil {
			require.Empty(t, found.Version)
			return
		}
		expected, ok := conditions(found.Version)
		if ok {
			require.Positive(t, expected.GenerationMatch)
			require.Equal(t, found.Version, versionOf(expected.GenerationMatch))
		}
		require.GreaterOrEqual(t, found.Age, time.Duration(0))
		if found.Age > 1 { // a nanosecond, it is at any rate
			until, err := http.ParseTime(date)
			require.NoError(t, err)
			since, err := http.ParseTime(modified)
			require.NoError(t, err)
			require.False(t, until.Before(since.Add(found.Age+serverclock.Grain+serverclock.Skew)), "%v is more than from %v to %v", found.Age, since, until)
		}
	})
}

// What FuzzAnswer found: a Last-Modified some 300 years after the Date made the object look 292 years old, and so did one
// before 1970 without any Date, if not as much.
func TestAgeOfAbsurdTimes(t *testing.T) {
	t.Parallel()
	for _, header := range []http.Header{
		{"Date": {"Sat, 01 Mar 2025 23:59:58 GMT"}, "Last-Modified": {"Fri, 31 Dec 9999 23:59:59 GMT"}},
		{"Last-Modified": {"Fri, 31 Dec 9999 23:59:59 GMT"}},
		{"Last-Modified": {"Wed, 31 Dec 1969 23:00:00 GMT"}},
	} {
		header.Set("X-Goog-Generation", "7")
		found, err := (&told{content: []byte(aRecord), header: header}).store(t).Load(t.Context(), "a")
		require.NoError(t, err)
		require.Zero(t, found.Age, "%v", header)
	}
}
