package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// refusal is an error answer of S3. Most of these no emulator gives.
func refusal(status int, code string) wire.Fault {
	return wire.Reply(status, http.Header{"Content-Type": {"application/xml"}},
		fmt.Sprintf(`<?xml version="1.0"?><Error><Code>%s</Code><Message>the message</Message></Error>`, code))
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const any, load, create, swap, list = "", "load", "create", "swap", "list"
	for _, c := range []struct {
		status int
		code   string
		op     string // which call it is about; any: all of them
		want   error  // nil: none of those that mean something
		says   string
	}{
		{412, "PreconditionFailed", create, lease.ErrConflict, ""},
		{412, "PreconditionFailed", swap, lease.ErrConflict, ""},
		{409, "ConditionalRequestConflict", create, lease.ErrConflict, ""},
		{409, "ConditionalRequestConflict", swap, lease.ErrConflict, ""},
		{404, "NoSuchKey", swap, lease.ErrConflict, ""},
		{404, "NoSuchKey", create, nil, ""},
		{404, "NoSuchBucket", any, lease.ErrMisconfigured, "create the bucket"},
		{403, "AccessDenied", any, lease.ErrMisconfigured, "s3:ListBucket"},
		{403, "InvalidAccessKeyId", any, lease.ErrMisconfigured, "credentials"},
		{403, "SignatureDoesNotMatch", any, lease.ErrMisconfigured, "credentials"},
		{400, "ExpiredToken", any, lease.ErrMisconfigured, "credentials"},
		{400, "InvalidToken", any, lease.ErrMisconfigured, "credentials"},
		{301, "PermanentRedirect", any, lease.ErrMisconfigured, "region"},
		{400, "AuthorizationHeaderMalformed", any, lease.ErrMisconfigured, "region"},
		{405, "MethodNotAllowed", any, lease.ErrMisconfigured, "the server"},
		{501, "NotImplemented", any, lease.ErrMisconfigured, "the server"},
		{501, "SomethingElse", any, lease.ErrMisconfigured, "the server"},
		{403, "InvalidObjectState", load, lease.ErrMisconfigured, "lifecycle"},
		{400, "InvalidRequest", create, lease.ErrMisconfigured, "Object Lock"},
		{503, "SlowDown", any, nil, ""},
		{503, "ServiceUnavailable", any, nil, ""},
		{500, "InternalError", any, nil, ""},
		{400, "RequestTimeout", any, nil, ""},
		{403, "RequestTimeTooSkewed", any, nil, ""}, // the SDK corrects it by the answer's Date
		{404, "NotFound", any, nil, ""},             // of some other server: not to be taken for a missing object
	} {
		t.Run(fmt.Sprint(c.status, c.code, c.op), func(t *testing.T) {
			t.Parallel()
			s := NewStore(newAnswers(t, refusal(c.status, c.code)), "bucket")
			for op, call := range map[string]func() error{
				load:   func() error { _, err := s.Load(t.Context(), "a"); return err },
				create: func() error { _, err := s.Swap(t.Context(), "a", "", []byte("x")); return err },
				swap:   func() error { _, err := s.Swap(t.Context(), "a", `"1"`, []byte("x")); return err },
				list: func() (last error) {
					for _, last = range s.List(t.Context(), "") {
						continue
					}
					return last
				},
			} {
				if c.op == any || c.op == op {
					wantError(t, call(), c.want, c.says)
				}
			}
		})
	}
}

// wantError fails unless the error is, of those that mean something, the one that is wanted.
func wantError(t testing.TB, err, want error, says string) {
	t.Helper()
	require.Error(t, err)
	for _, sentinel := range []error{lease.ErrConflict, lease.ErrMisconfigured, lease.ErrRecord, lease.ErrInvalid} {
		assert.Equal(t, want == sentinel, errors.Is(err, sentinel), "%v: %v", sentinel, err)
	}
	assert.ErrorContains(t, err, says)
}

// A missing object, and no permission to list: the emulator knows no permissions, so the answer is put into its mouth.
func TestMissingObjectWithoutListBucket(t *testing.T) {
	t.Parallel()
	proxy, client := newProxy(t)
	proxy.OnRequest(1, refusal(http.StatusForbidden, "AccessDenied"))
	m := New(client, newBucket(t))
	_, err := m.Acquire(t.Context(), request("a", "one", time.Minute))
	wantError(t, err, lease.ErrMisconfigured, "allow s3:GetObject and s3:PutObject on the objects, and s3:ListBucket on the bucket")
	_, err = m.Acquire(t.Context(), request("a", "one", time.Minute))
	require.NoError(t, err, "with the permission")
}

func TestMissingBucket(t *testing.T) {
	t.Parallel()
	s := NewStore(newClient(t), "no-such-bucket-of-leases")
	_, err := s.Load(t.Context(), "a")
	wantError(t, err, lease.ErrMisconfigured, `bucket "no-such-bucket-of-leases"`)
	_, err = s.Swap(t.Context(), "a", "", []byte("x"))
	wantError(t, err, lease.ErrMisconfigured, "create the bucket")
	_, err = s.Swap(t.Context(), "a", `"1"`, []byte("x"))
	wantError(t, err, lease.ErrMisconfigured, "create the bucket")
}

// What is wrong before anything is sent.
func TestUnsentRequests(t *testing.T) {
	t.Parallel()
	for says, change := range map[string]func(*s3.Options){
		"credentials":   func(o *s3.Options) { o.Credentials = credentials.NewStaticCredentialsProvider("", "", "") },
		"role":          func(o *s3.Options) { o.Credentials = aws.CredentialsProviderFunc(noRole) },
		"the region":    func(o *s3.Options) { o.Region, o.BaseEndpoint = "", nil },
		"bucket's name": func(o *s3.Options) { o.BaseEndpoint = aws.String("not a URL") },
	} {
		_, err := NewStore(newAnswers(t, wire.Cut(wire.Before), change), "bucket").Load(t.Context(), "a")
		wantError(t, err, lease.ErrMisconfigured, says)
	}
}

func noRole(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, errors.New("no EC2 IMDS role found, a role has to be there")
}

// What the network does is nobody's mistake in the configuration.
func TestNetworkErrors(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]wire.Fault{
		"cut before": wire.Cut(wire.Before), "reset": wire.Reset(wire.Before), "gateway": wire.Reply(http.StatusBadGateway, nil, "<html>"),
	} {
		s := NewStore(newAnswers(t, fault), "bucket")
		_, err := s.Load(t.Context(), "a")
		wantError(t, err, nil, "")
		_, err = s.Swap(t.Context(), "a", "", []byte("x"))
		wantError(t, err, nil, "")
		t.Log(name, err)
	}
	proxy := wire.NewProxy(t, "http://127.0.0.1:1")
	proxy.Refuse()
	s := NewStore(newAnswers(t, wire.Cut(wire.Before), func(o *s3.Options) { o.BaseEndpoint = aws.String(proxy.URL()) }), "bucket")
	_, err := s.Load(t.Context(), "a")
	wantError(t, err, nil, "")
}

// The SDK's own retries, however many, end with the context; what it says then is no verdict on the store.
func TestRetriesEndWithTheContext(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]wire.Fault{
		"throttled": refusal(http.StatusServiceUnavailable, "SlowDown"), "no answer": wire.Stall(wire.Before),
	} {
		s := NewStore(newAnswers(t, fault, func(o *s3.Options) { o.RetryMaxAttempts = 1000 }), "bucket")
		errOver := errors.New("the time is up")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errOver)
		defer cancel()
		from := time.Now()
		_, err := s.Swap(ctx, "a", "", []byte("x"))
		wantError(t, err, nil, "")
		require.ErrorIs(t, err, errOver, name)
		require.ErrorIs(t, err, context.DeadlineExceeded, name)
		assert.Less(t, time.Since(from), 5*time.Second)
	}
}

// object is the answer to a read.
func object(content string, header http.Header) wire.Fault {
	all := http.Header{"Etag": {`"1"`}, "Content-Type": {"text/plain"}}
	for key, values := range header {
		all[key] = values
	}
	return wire.Reply(http.StatusOK, all, content)
}

// The service's times have whole seconds, and an emulator shows them only as they happen to be.
func TestAge(t *testing.T) {
	t.Parallel()
	const written = "Tue, 14 Jul 2026 12:00:00 GMT"
	for _, c := range []struct {
		date, modified string
		want           time.Duration
	}{
		{written, written, 0},
		{"Tue, 14 Jul 2026 12:00:03 GMT", written, 0},
		{"Tue, 14 Jul 2026 12:00:04 GMT", written, time.Second},
		{"Tue, 14 Jul 2026 12:01:00 GMT", written, 57 * time.Second},
		{"Wed, 15 Jul 2026 12:00:00 GMT", written, 24*time.Hour - 3*time.Second},
		{"Tue, 14 Jul 2026 11:59:00 GMT", written, 0},
		{"", written, 0},
		{"Tue, 14 Jul 2026 12:01:00 GMT", "", 0},
	} {
		header := http.Header{"Date": nil}
		if c.date != "" {
			header.Set("Date", c.date)
		}
		if c.modified != "" {
			header.Set("Last-Modified", c.modified)
		}
		s := NewStore(newAnswers(t, object(string(encode([]byte("x"))), header)), "bucket")
		got, err := s.Load(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, c.want, got.Age, "%s, written %s", c.date, c.modified)
		assert.Equal(t, "x", string(got.Data))
	}
}

// What is no cell is left alone, and named.
func TestObjectsThatAreNoCells(t *testing.T) {
	t.Parallel()
	for content, says := range map[string]string{
		"":                          "the line",
		"\n":                        "the line",
		"x":                         "the line",
		`{"leaseObject":1}`:         "the line",
		"{}\n{}":                    "the line",
		"{\"leaseObject\":0}\n{}":   "the line",
		"{\"leaseObject\":2}\n{}":   "update the program",
		"{\"leaseObject\":1}\n\xff": "UTF-8",
		"{\"leaseObject\":1}\n" + string(make([]byte, lease.MaxCell+1)): "at most",
	} {
		_, err := NewStore(newAnswers(t, object(content, nil)), "bucket").Load(t.Context(), "a")
		wantError(t, err, lease.ErrRecord, says)
		assert.ErrorContains(t, err, `object "a"`)
	}
	got, err := NewStore(newAnswers(t, object("{\"leaseObject\":1,\"new\":2}\n{}", nil)), "bucket").Load(t.Context(), "a")
	require.NoError(t, err, "fields that a reader does not know are ignored")
	assert.Equal(t, "{}", string(got.Data))

	noTag := http.Header{"Etag": nil}
	s := NewStore(newAnswers(t, object(string(encode(nil)), noTag)), "bucket")
	_, err = s.Load(t.Context(), "a")
	wantError(t, err, lease.ErrMisconfigured, "no ETag")
	_, err = s.Swap(t.Context(), "a", "", nil)
	wantError(t, err, lease.ErrMisconfigured, "no ETag")
}

// An answer that breaks off in its middle is no record, and no verdict on it.
func TestAnswerBreaksOff(t *testing.T) {
	t.Parallel()
	long := object(string(encode([]byte("x"))), http.Header{"Content-Length": {"1000"}})
	_, err := NewStore(newAnswers(t, long), "bucket").Load(t.Context(), "a")
	wantError(t, err, nil, "broke off")
}
