package s3

import (
	"bytes"
	"context"
	"crypto/fips140"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

const page = `<html><head><title>Sign in</title></head><body>Please sign in</body></html>`

// strangers are answers of what stands in S3's place.
var strangers = map[string]wire.Fault{
	"an empty body":    wire.Reply(200, nil, ""),
	"{}":               wire.Reply(200, nil, "{}"),
	"[]":               wire.Reply(200, nil, "[]"),
	"text":             wire.Reply(200, nil, "OK"),
	"a page":           wire.Reply(200, http.Header{"Content-Type": {"text/html"}}, page),
	"a page, no XML":   wire.Reply(200, nil, "<html><br></html>"),
	"no page, no XML":  wire.Reply(404, nil, "<html><br></html>"),
	"a page with tag":  wire.Reply(200, http.Header{"Etag": {`"65f1-264"`}, "Last-Modified": {"Tue, 14 Jul 2026 12:00:00 GMT"}}, page),
	"no page":          wire.Reply(204, nil, ""),
	"accepted":         wire.Reply(202, http.Header{"Etag": {`"1"`}}, "{}"),
	"another's words":  wire.Reply(203, http.Header{"Etag": {`"1"`}}, aHeader+aRecord),
	"a part":           wire.Reply(206, http.Header{"Etag": {`"1"`}, "Content-Range": {"bytes 0-40/1000"}}, aHeader+aRecord),
	"not modified":     wire.Reply(304, http.Header{"Etag": {`"1"`}}, ""),
	"breaks off":       wire.Reply(200, http.Header{"Etag": {`"1"`}, "Content-Length": {"1000"}}, aHeader+aRecord),
	"moved":            wire.Reply(301, http.Header{"Location": {"/login"}}, page),
	"found":            wire.Reply(302, http.Header{"Location": {"/login"}}, page),
	"see other":        wire.Reply(303, http.Header{"Location": {"/login"}}, ""),
	"no such page":     wire.Reply(404, http.Header{"Content-Type": {"text/html"}}, page),
	"nothing there":    wire.Reply(404, nil, ""),
	"not here":         wire.Reply(404, nil, `{"code":"NoSuchKey"}`),
	"forbidden":        wire.Reply(403, nil, page),
	"and no word":      wire.Reply(403, nil, ""),
	"log in":           wire.Reply(401, nil, page),
	"not so":           wire.Reply(405, nil, ""),
	"no conflict":      wire.Reply(409, nil, page),
	"no precondition":  wire.Reply(412, nil, page),
	"not implemented":  wire.Reply(501, nil, ""),
	"a gateway":        wire.Reply(502, nil, page),
	"an error in 200":  wire.Reply(200, nil, "<Error><Code>InternalError</Code><Message>try again</Message></Error>"),
	"a list of others": wire.Reply(200, nil, `<ListBucketResult><Name>other</Name><IsTruncated>false</IsTruncated></ListBucketResult>`),
	"a list that ends": wire.Reply(200, http.Header{"Content-Length": {"1000"}}, `<ListBucketResult><Name>bucket</Name>`),
	"a list without":   wire.Reply(200, nil, `<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>`),
	"lists for ever":   wire.Reply(200, nil, `<ListBucketResult><Name>bucket</Name><IsTruncated>true</IsTruncated></ListBucketResult>`),
}

// What answers in S3's place has stored nothing, and says nothing of what is stored: no call succeeds, nor finds
// anything missing, in conflict or misconfigured.
func TestOnlyEvidenceCounts(t *testing.T) {
	t.Parallel()
	for name, answer := range strangers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := NewStore(newAnswers(t, answer), "bucket", WithAge())
			for op, call := range calls(t, s) {
				err := call()
				require.Error(t, err, op)
				for _, verdict := range []error{lease.ErrConflict, lease.ErrMisconfigured, lease.ErrInvalid} {
					assert.NotErrorIs(t, err, verdict, op)
				}
			}
		})
	}
}

// The SDK's own HTTP client follows some redirects, and so may end at a stranger's page.
func TestRedirectToAPage(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"65f1-264"`)
		_, _ = io.WriteString(w, page)
	}))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		answer := wire.Reply(status, http.Header{"Location": {elsewhere.URL + "/login"}}, page)
		for op, call := range calls(t, NewStore(newAnswers(t, answer), "bucket")) {
			err := call()
			require.Error(t, err, "%s %d", op, status)
			assert.NotErrorIs(t, err, lease.ErrMisconfigured)
			assert.NotErrorIs(t, err, lease.ErrConflict)
		}
	}
}

// A filter that begins to answer renews no lease, and takes none (S1).
func TestFilterRenewsNothing(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	for name, answer := range strangers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, _ := newProxy(t)
			m := New(newClient(t, func(o *s3.Options) {
				o.BaseEndpoint, o.RetryMaxAttempts, o.Logger = aws.String(proxy.URL()), 1, logging.Nop{} // of a body that breaks off, it warns
			}), bucket)
			held, err := m.Acquire(t.Context(), request(name, "one", time.Minute))
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // what the SDK tries again
			defer cancel()
			proxy.OnEvery(answer)
			_, err = m.Renew(ctx, held)
			require.Error(t, err)
			require.NotErrorIs(t, err, lease.ErrLost)
			require.Error(t, m.Release(ctx, held))
			_, err = m.Acquire(ctx, request(name+" as well", "one", time.Minute))
			require.Error(t, err)
			require.NotErrorIs(t, err, lease.ErrHeld)
			_, err = lease.Inspect(ctx, m, name)
			require.Error(t, err)
			proxy.Heal()
			held, err = m.Renew(t.Context(), held)
			require.NoError(t, err)
			require.NoError(t, m.Release(t.Context(), held))
		})
	}
}

// amazon is a client of Amazon's own endpoint, whose answers are the test's.
func amazon(answer roundTrip) *s3.Client {
	return s3.New(s3.Options{
		Region: "eu-west-1", RetryMaxAttempts: 1, HTTPClient: answer, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	})
}

func reply(status int, body string, header http.Header) *http.Response {
	all := http.Header{"Content-Length": {strconv.Itoa(len(body))}}
	for key, values := range header {
		all[key] = values
	}
	return &http.Response{StatusCode: status, Header: all, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// From Amazon's own endpoint nothing counts without a request ID, however well it is formed.
func TestAmazonsAnswersHaveRequestIDs(t *testing.T) {
	t.Parallel()
	const list = `<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated></ListBucketResult>`
	for name, c := range map[string]struct {
		status       int
		body         string
		ops          []string // which calls it is the answer to
		without, has error    // nil: none of those that mean something
	}{
		"an object":    {200, aHeader + aRecord, []string{"load"}, nil, nil},
		"a list":       {200, list, []string{"list", "make"}, nil, nil},
		"nothing":      {404, "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>", []string{"load"}, nil, nil},
		"a conflict":   {412, "<Error><Code>PreconditionFailed</Code><Message>no</Message></Error>", []string{"create", "swap"}, nil, lease.ErrConflict},
		"a refusal":    {403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>", []string{"load", "create", "swap", "list", "make"}, nil, lease.ErrMisconfigured},
		"another's ID": {403, "<Error><Code>ExpiredToken</Code><Message>no</Message></Error>", []string{"load", "create", "swap", "list"}, nil, lease.ErrMisconfigured},
	} {
		for _, id := range []string{"", "4442587FB7D0A2F9"} {
			header := http.Header{"Etag": {`"1"`}}
			want := c.without
			if id != "" {
				header.Set("X-Amz-Request-Id", id)
				want = c.has
			}
			s := NewStore(amazon(func(*http.Request) (*http.Response, error) { return reply(c.status, c.body, header), nil }), "bucket")
			all := calls(t, s)
			for _, op := range c.ops {
				if err := all[op](); id != "" && want == nil {
					assert.NoError(t, err, "%s: %s", name, op)
				} else {
					wantError(t, err, want, "")
				}
			}
		}
	}
	put := func(header http.Header) func(*http.Request) (*http.Response, error) {
		return func(r *http.Request) (*http.Response, error) {
			answer := written(r)
			answer.Header.Del("X-Amz-Request-Id")
			for key, values := range header {
				answer.Header[key] = values
			}
			return answer, nil
		}
	}
	_, err := NewStore(amazon(put(nil)), "bucket").Swap(t.Context(), "a", "", []byte("x"))
	wantError(t, err, nil, "no request ID")
	_, err = NewStore(amazon(put(http.Header{"X-Amz-Request-Id": {"1"}})), "bucket").Swap(t.Context(), "a", "", []byte("x"))
	require.NoError(t, err)
}

// other is a server on which each answer is changed on its way to the client.
func other(t *testing.T, change func(r *http.Request, answer *http.Response)) (*s3.Client, *wire.Counter) {
	counter := &wire.Counter{}
	sent := counter.Client()
	return newClient(t, func(o *s3.Options) {
		o.RetryMaxAttempts = 1
		o.HTTPClient = roundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := sent.Do(r)
			if err == nil {
				change(r, answer)
			}
			return answer, err
		})
	}), counter
}

// The answer to somebody else's write, or to a read, is none to ours, however well it is formed.
func TestAnswerToAnotherRequest(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	client := newClient(t)
	healthy := NewStore(client, bucket)
	version, err := healthy.Swap(t.Context(), "a", "", []byte("first"))
	require.NoError(t, err)
	_, err = healthy.Swap(t.Context(), "b", "", []byte("another"))
	require.NoError(t, err)
	anothers, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("b")})
	require.NoError(t, err)
	require.NoError(t, anothers.Body.Close())
	own := http.DefaultTransport.(*http.Transport).Clone()            // whose connections no other test closes
	lost := roundTrip(func(r *http.Request) (*http.Response, error) { // every write is answered so, and none is made
		if r.Method == http.MethodPut {
			return reply(200, "", http.Header{"Etag": {*anothers.ETag}, "X-Amz-Request-Id": {"1"}, "X-Amz-Checksum-Crc64nvme": {"AAAAAAAAAAA="}}), nil
		}
		return own.RoundTrip(r)
	})
	s := NewStore(newClient(t, func(o *s3.Options) { o.HTTPClient = lost }), bucket)
	_, err = s.Swap(t.Context(), "a", version, []byte("second"))
	wantError(t, err, nil, "neither it nor a read shows what was written")
	_, err = s.Swap(t.Context(), "none", "", []byte("x"))
	wantError(t, err, nil, "neither it nor a read shows what was written")

	// Another object's record, or word that there is none, takes no lease: the write that follows has a condition.
	for name, body := range map[string]string{
		"released": aHeader + aRecord, "missing": "",
	} {
		confused, _ := other(t, func(r *http.Request, answer *http.Response) {
			if r.Method == http.MethodGet && body == "" {
				*answer = *reply(404, "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>", nil)
			} else if r.Method == http.MethodGet {
				*answer = *reply(200, body, http.Header{"Etag": {*anothers.ETag}})
			}
		})
		_, err = New(client, bucket).Acquire(t.Context(), request(name, "one", time.Minute))
		require.NoError(t, err)
		_, err = New(confused, bucket).Acquire(t.Context(), request(name, "two", time.Minute))
		require.Error(t, err, name)
	}
}

// A write is shown by the MD5 in its ETag or by the checksum that S3 adds; else by a read.
func TestWhatShowsAWrite(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	random := func(answer *http.Response) {
		answer.Header.Set("Etag", fmt.Sprintf(`"%032x"`, time.Now().UnixNano())) // as with a key of KMS
	}
	for name, c := range map[string]struct {
		change func(answer *http.Response)
		sent   []string
	}{
		"MD5 alone":      {func(a *http.Response) { a.Header.Del("X-Amz-Checksum-Crc64nvme") }, []string{"PUT"}},
		"in upper case":  {func(a *http.Response) { a.Header.Set("Etag", strings.ToUpper(a.Header.Get("Etag"))) }, []string{"PUT"}},
		"weak":           {func(a *http.Response) { a.Header.Set("Etag", "W/"+a.Header.Get("Etag")) }, []string{"PUT"}},
		"checksum alone": {random, []string{"PUT"}},
		"neither":        {func(a *http.Response) { random(a); a.Header.Del("X-Amz-Checksum-Crc64nvme") }, []string{"PUT", "GET"}},
		"not even a tag": {func(a *http.Response) { a.Header.Del("Etag"); a.Header.Del("X-Amz-Checksum-Crc64nvme") }, []string{"PUT", "GET"}},
	} {
		client, counter := other(t, func(r *http.Request, answer *http.Response) {
			if r.Method == http.MethodPut {
				c.change(answer)
			}
		})
		s := NewStore(client, bucket)
		version, err := s.Swap(t.Context(), name, "", []byte("x"))
		require.NoError(t, err, name)
		require.NotContains(t, string(version), "W/")
		var sent []string
		for _, r := range counter.Requests() {
			sent = append(sent, r.Method)
		}
		require.Equal(t, c.sent, sent, name)
		if len(c.sent) > 1 || name == "weak" || name == "MD5 alone" {
			_, err = s.Swap(t.Context(), name, version, []byte("y"))
			require.NoError(t, err, name)
		}
	}
}

// https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-64-nvme: its check is ae8b14860a799888.
func TestCRC64NVME(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "rosUhgp5mIg=", crc64NVME([]byte("123456789")))
}

// Go refuses MD5, for which there is no need to be secret here, with a panic in a program that is to do FIPS 140 only.
func TestMD5WhereFIPSIsEnforced(t *testing.T) {
	t.Parallel()
	if fips140.Enforced() {
		assert.True(t, isMD5(`"900150983cd24fb0d6963f7d28e17f72"`, []byte("abc")))
		return
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := again.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: "+t.Name())
}

// An error without a body is S3's own if it has a request ID: the SDK makes its code of the status.
func TestErrorsWithoutABody(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{412: lease.ErrConflict, 409: lease.ErrConflict, 403: lease.ErrMisconfigured, 405: lease.ErrMisconfigured, 404: nil} {
		swap := func(header http.Header) error {
			_, err := NewStore(newAnswers(t, wire.Reply(status, header, "")), "bucket").Swap(t.Context(), "a", `"1"`, []byte("x"))
			return err
		}
		wantError(t, swap(http.Header{"X-Amz-Request-Id": {"1"}}), want, "")
		wantError(t, swap(nil), nil, "")
	}
}

// Of an object as large as one can be, no more is read than a cell can have.
func TestHugeObject(t *testing.T) {
	t.Parallel()
	body := &endless{}
	s := NewStore(amazon(func(*http.Request) (*http.Response, error) {
		answer := reply(200, "", http.Header{"Etag": {`"1"`}, "X-Amz-Request-Id": {"1"}, "Content-Length": {"5497558138880"}})
		answer.Body, answer.ContentLength = body, 5497558138880
		return answer, nil
	}), "bucket")
	_, err := s.Load(t.Context(), "a")
	wantError(t, err, lease.ErrRecord, "")
	assert.LessOrEqual(t, body.read, 2*maxObject)
	assert.True(t, body.closed)
}

type endless struct {
	read   int
	closed bool
}

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return copy(p, bytes.Repeat([]byte("x"), len(p))), nil
}

func (e *endless) Close() error { e.closed = true; return nil }
