package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

const (
	aHeader = `{"leaseObject":1,"nonce":"n"}` + "\n"
	aRecord = `{"format":1,"token":7,"id":"x","holder":"w","length":"15s","nonce":"n","released":true}`
)

var full = aRecord + strings.Repeat(" ", lease.MaxCell-len(aRecord))

// long returns a first line of so many bytes, without its line break.
func long(size int) string {
	return strings.Replace(aHeader, "}", strings.Repeat(" ", size+len("\n")-len(aHeader))+"}", 1)
}

// told is a server that says what a test tells it, below the real SDK: no server can be made to say such things.
type told struct {
	header  http.Header
	content []byte
	puts    int
}

func (s *told) Do(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut {
		s.puts++
		return written(r), nil
	}
	answer := &http.Response{
		StatusCode: http.StatusOK, Header: s.header.Clone(), Body: io.NopCloser(bytes.NewReader(s.content)), ContentLength: int64(len(s.content)),
	}
	answer.Header.Set("Content-Length", strconv.Itoa(len(s.content)))
	answer.Header.Set("X-Amz-Request-Id", "id")
	return answer, nil
}

// written is S3's answer to a write.
func written(r *http.Request) *http.Response {
	content, _ := io.ReadAll(r.Body)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Header: http.Header{
		"Etag": {fmt.Sprintf(`"%x"`, md5.Sum(content))}, "X-Amz-Request-Id": {"id"},
	}}
}

func (s *told) store() *Store {
	return NewStore(s3.New(s3.Options{
		Region: "eu-west-1", RetryMaxAttempts: 1, HTTPClient: s, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	}), "b")
}

// isNewer tells of an object whose first line is of a later format, by the one field that says so.
func isNewer(content []byte) bool {
	line, _, _ := bytes.Cut(content, []byte("\n"))
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(line, &fields)
	return string(fields["leaseObject"]) != "1"
}

// FuzzObject: whatever an object holds, all of it is read, and is the data behind the first line, or it is an ErrRecord
// and is not replaced.
func FuzzObject(f *testing.F) {
	for _, content := range []string{
		"", "\n", "{}\n", "null\n", aHeader, aHeader + aRecord, aHeader + "\xff", aHeader + "{", aRecord, strings.TrimSpace(aHeader),
		strings.Replace(aHeader, "1", "2", 1) + aRecord, aHeader + strings.Replace(aRecord, `"format":1`, `"format":3`, 1),
		aHeader + full, aHeader + full + " ", long(maxHeader) + full, long(maxHeader) + full + " ", long(maxHeader+1) + aRecord,
		long(2*maxHeader) + full,
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		server := &told{header: http.Header{"Etag": {`"e"`}}, content: content}
		s := server.store()
		found, err := s.Load(t.Context(), "a")
		if err != nil {
			require.ErrorIs(t, err, lease.ErrRecord)
		} else {
			_, data, _ := bytes.Cut(content, []byte("\n"))
			require.True(t, bytes.Equal(data, found.Data), "%d bytes are read of %d", len(found.Data), len(data))
			require.NoError(t, lease.CheckCell(found.Data))
			require.False(t, isNewer(content), "it is of a later format")
			require.Equal(t, lease.Version(`"e"`), found.Version)
		}
		m := lease.NewManager(s)
		info, unreadable := lease.Inspect(t.Context(), m, "a")
		_, err = m.Acquire(t.Context(), lease.Request{Name: "a", Holder: "h", Length: time.Minute})
		require.Equal(t, err == nil, server.puts > 0)
		if unreadable != nil {
			require.ErrorIs(t, unreadable, lease.ErrRecord)
			require.ErrorIs(t, err, lease.ErrRecord)
		} else {
			require.Equal(t, err == nil, info.State != lease.Held && info.Token+1 != 0, "%v", err)
		}
	})
}

// FuzzAnswer: whatever the headers of an answer say, its age is never more than what they prove: the Date less the
// Last-Modified, less what both leave out; and without an ETag there is no version.
func FuzzAnswer(f *testing.F) {
	const now = "Sat, 01 Mar 2025 23:59:58 GMT"
	f.Add(now, "Sat, 01 Mar 2025 23:59:50 GMT", `"e"`)
	f.Add("", now, `"e"`)
	f.Add(now, "", "e")
	f.Add("soon", "yesterday", "")
	f.Add(now, "Fri, 31 Dec 9999 23:59:59 GMT", `"e"`)
	f.Add("Fri, 31 Dec 9999 23:59:59 GMT", "Sat, 01 Jan 0000 00:00:00 GMT", `"e"`)
	f.Add("Sat, 01 Jan 0000 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", `"e"`)
	f.Add("Sunday, 02-Mar-25 00:00:58 GMT", "Sun Mar  2 00:00:58 2025", "\x00")
	f.Fuzz(func(t *testing.T, date, modified, etag string) {
		server := &told{header: http.Header{}, content: []byte(aHeader + aRecord)}
		for name, value := range map[string]string{"Date": date, "Last-Modified": modified, "Etag": etag} {
			if value != "" {
				server.header.Set(name, value)
			}
		}
		found, err := server.store().Load(t.Context(), "a")
		if err != nil {
			require.Empty(t, found.Version)
			if etag == "" && modified == "" {
				require.ErrorContains(t, err, "no ETag")
			}
			return
		}
		require.Equal(t, strings.TrimPrefix(strings.TrimSpace(etag), "W/"), string(found.Version)) // as every HTTP client shows a header
		require.NotEmpty(t, found.Version)
		require.GreaterOrEqual(t, found.Age, time.Duration(0))
		if found.Age > time.Nanosecond {
			out, err := server.store().client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("a")})
			require.NoError(t, err)
			told, err := http.ParseTime(date)
			require.NoError(t, err)
			require.False(t, told.Before(out.LastModified.Add(found.Age+3*time.Second)), "%v is more than from %v to %v", found.Age, out.LastModified, told)
		}
	})
}

// What FuzzObject found: of an object that was longer than what is read, the first part was taken for all of it.
func TestObjectOfWhichNotAllIsRead(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		content  string
		readable bool
	}{
		"the longest first line":   {long(maxHeader) + full, true},
		"one byte more of data":    {long(maxHeader) + full + " ", false},
		"a first line too long":    {long(maxHeader+1) + aRecord, false},
		"and the longest data too": {long(2*maxHeader) + full, false},
	} {
		s := (&told{header: http.Header{"Etag": {`"e"`}}, content: []byte(c.content)}).store()
		found, err := s.Load(t.Context(), "a")
		if c.readable {
			require.NoError(t, err, what)
			require.Equal(t, len(full), len(found.Data), what)
			continue
		}
		require.ErrorIs(t, err, lease.ErrRecord, what)
	}
}

// A first line is read by the exact names of its fields, none of which may stand twice: what a newer program wrote is never overwritten.
func TestExactFields(t *testing.T) {
	t.Parallel()
	for _, fields := range []string{
		`"leaseObject":2,"LeaseObject":1`, `"LeaseObject":1,"leaseObject":2`, `"leaseObject":2,"leaseObject":1`, `"leaseObject":1,"leaseObject":1`, `"LeaseObject":1`,
	} {
		content := strings.Replace(aHeader, `"leaseObject":1`, fields, 1) + aRecord
		server := &told{header: http.Header{"Etag": {`"e"`}}, content: []byte(content)}
		_, err := server.store().Load(t.Context(), "a")
		require.ErrorIs(t, err, lease.ErrRecord, content)
		_, err = lease.NewManager(server.store()).Acquire(t.Context(), lease.Request{Name: "a", Holder: "h", Length: time.Minute})
		require.ErrorIs(t, err, lease.ErrRecord, content)
		require.Zero(t, server.puts, content)
	}
}

// What FuzzAnswer found: a Last-Modified some 300 years in the future made the object look 292 years old.
func TestAgeOfTheFarFuture(t *testing.T) {
	t.Parallel()
	s := (&told{content: []byte(aHeader + aRecord), header: http.Header{
		"Etag": {`"e"`}, "Date": {"Sat, 01 Mar 2025 23:59:58 GMT"}, "Last-Modified": {"Fri, 31 Dec 9999 23:59:59 GMT"},
	}}).store()
	found, err := s.Load(t.Context(), "a")
	require.NoError(t, err)
	require.Zero(t, found.Age)
}
