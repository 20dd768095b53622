package s3

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/errtest"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// refusal returns an error answer of S3. No emulator gives most of these.
func refusal(status int, code string) wire.Fault {
	return wire.Reply(status, http.Header{"Content-Type": {"application/xml"}},
		fmt.Sprintf(`<?xml version="1.0"?><Error><Code>%s</Code><Message>the message</Message></Error>`, code))
}

// Each code of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList that these calls may get, and
// what it means. Those of keys and credentials are in awsopen's table.
func TestErrors(t *testing.T) {
	t.Parallel()
	const any, load, create, swap, list = "", "load", "create", "swap", "list"
	const bad, conflict = "misconfigured", "conflict"
	listed := map[string]bool{}
	for _, c := range []struct {
		status int
		code   string
		op     string // which call it is about; any: all of them
		want   string // empty: it may pass
		says   string
	}{
		{412, "PreconditionFailed", create, conflict, ""},
		{412, "PreconditionFailed", swap, conflict, ""},
		{412, "ByAnotherName", swap, conflict, ""}, // of some other server
		{409, "ConditionalRequestConflict", create, conflict, ""},
		{409, "ConditionalRequestConflict", swap, conflict, ""},
		{409, "OperationAborted", swap, conflict, ""},
		{409, "OperationAborted", load, "", ""},
		{409, "ByAnotherName", create, "", ""},
		{409, "ByAnotherName", swap, "", ""},
		{409, "ExistingObjectIsFile", create, bad, "no room below"},
		{409, "ExistingObjectIsDirectory", create, bad, "no room below"},
		{409, "XMinioObjectExistsAsDirectory", create, bad, "no room below"},
		{400, "XMinioParentIsObject", create, bad, "no room below"},
		{404, "NoSuchKey", swap, conflict, ""},
		{404, "NoSuchKey", create, "", ""},
		{404, "NoSuchBucket", any, bad, "create the bucket"},
		{400, "InvalidBucketName", any, bad, "name another"},
		{400, "InvalidAccessPoint", any, bad, "name another"},
		{400, "InvalidAccessPointAliasError", any, bad, "name another"},
		{403, "AccountProblem", any, bad, "AWS Support"},
		{403, "AllAccessDisabled", any, bad, "AWS Support"},
		{403, "InvalidPayer", any, bad, "AWS Support"},
		{403, "UnauthorizedAccess", any, bad, "AWS Support"},
		{403, "NotSignedUp", any, bad, "account"},
		{403, "AccessDenied", any, bad, "s3:ListBucket"},
		{403, "Forbidden", any, bad, "s3:ListBucket"},
		{403, "InvalidAccessKeyId", any, bad, "credentials"},
		{403, "SignatureDoesNotMatch", any, bad, "credentials"},
		{400, "ExpiredToken", any, bad, "credentials"},
		{400, "InvalidToken", any, bad, "credentials"},
		{400, "TokenRefreshRequired", any, bad, "credentials"},
		{400, "CredentialsNotSupported", any, bad, "credentials"},
		{403, "InvalidSecurity", any, bad, "credentials"},
		{400, "MissingSecurityHeader", any, bad, "credentials"},
		{401, "Unauthorized", any, bad, "credentials"},
		{401, "ByAnotherName", any, bad, "credentials"},
		{301, "PermanentRedirect", any, bad, "region"},
		{301, "ByAnotherName", any, bad, "region"},
		{400, "AuthorizationHeaderMalformed", any, bad, "region"},
		{400, "IllegalLocationConstraintException", any, bad, "region"},
		{400, "EndpointNotFound", any, bad, "region"},
		{405, "MethodNotAllowed", any, bad, "the server"},
		{405, "ByAnotherName", any, bad, "the server"},
		{501, "NotImplemented", any, bad, "the server"},
		{501, "ByAnotherName", any, bad, "the server"},
		{403, "InvalidObjectState", load, bad, "lifecycle"},
		{400, "InvalidRequest", any, bad, "Object Lock"},
		{400, "InvalidArgument", any, bad, "encryption"},
		{400, "InvalidEncryptionAlgorithmError", any, bad, "encryption"},
		{400, "KMS.DisabledException", any, bad, "KMS"},
		{400, "KMS.NotFoundException", any, bad, "KMS"},
		{400, "KMS.KMSInvalidStateException", any, bad, "KMS"},
		{400, "KMS.InvalidKeyUsageException", any, bad, "KMS"},
		{400, "KMS.KeyUnavailableException", any, "", ""},
		{503, "SlowDown", any, "", ""},
		{503, "ServiceUnavailable", any, "", ""},
		{500, "InternalError", any, "", ""},
		{400, "RequestTimeout", any, "", ""},
		{403, "RequestTimeTooSkewed", any, "", "clock"}, // the SDK corrects it by the answer's Date
		{307, "TemporaryRedirect", any, "", ""},
		{404, "NotFound", any, "", ""}, // of some other server: not to be taken for a missing object
		{404, "NoSuchVersion", any, "", ""},
		{429, "NobodyKnows", any, "", ""},
	} {
		listed[c.code] = true
		t.Run(fmt.Sprint(c.status, c.code, c.op), func(t *testing.T) {
			t.Parallel()
			for op, call := range calls(t, NewStore(newAnswers(t, refusal(c.status, c.code)), "bucket")) {
				if c.op == any || c.op == op {
					wantError(t, call(), map[string]error{bad: lease.ErrMisconfigured, conflict: lease.ErrConflict}[c.want], c.says)
				}
			}
		})
	}
	for code := range advice {
		assert.True(t, listed[code], "%s has no row", code)
	}
}

// A write that another server refuses, and would refuse each time, is sent once. The error has the server's reason.
func TestARefusalThatIsNoConflictIsTriedOnce(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"ExistingObjectIsDirectory", "ByAnotherName"} {
		var writes atomic.Int64
		m := New(amazon(func(r *http.Request) (*http.Response, error) {
			header := http.Header{"X-Amz-Request-Id": {"1"}}
			if r.Method == http.MethodPut {
				writes.Add(1)
				return reply(http.StatusConflict, "<Error><Code>"+code+"</Code><Message>the message</Message></Error>", header), nil
			}
			return reply(http.StatusNotFound, "<Error><Code>NoSuchKey</Code></Error>", header), nil
		}), "bucket")
		_, err := m.Acquire(t.Context(), request("a", "one", time.Minute))
		require.ErrorContains(t, err, code)
		assert.EqualValues(t, 1, writes.Load(), code)
	}
}

// calls are all that a Store does, by name.
func calls(t testing.TB, s *Store) map[string]func() error {
	return map[string]func() error{
		"load":   func() error { _, err := s.Load(t.Context(), "a"); return err },
		"create": func() error { _, err := s.Swap(t.Context(), "a", "", []byte("x")); return err },
		"swap":   func() error { _, err := s.Swap(t.Context(), "a", `"1"`, []byte("x")); return err },
		"list": func() (last error) {
			for _, last = range s.List(t.Context(), "") {
				continue
			}
			return last
		},
		"make": func() error { _, err := s.MakePlace(t.Context(), ""); return err },
	}
}

// The advice fits what the answer says.
func TestAdvice(t *testing.T) {
	t.Parallel()
	answer := func(code, message string, header http.Header) wire.Fault {
		return wire.Reply(http.StatusForbidden, header, fmt.Sprintf("<Error><Code>%s</Code><Message>%s</Message></Error>", code, message))
	}
	for _, c := range []struct {
		answer wire.Fault
		says   string
		not    string
		opts   []Option
	}{
		{answer("AccessDenied", "Access Denied", nil), "s3:ListBucket", "account", nil},
		{answer("AccessDenied", "Access Denied", nil), "expected to own it", "kms:", []Option{WithExpectedBucketOwner("111122223333")}},
		{answer("AccessDenied", "User: me is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:x", nil), "KMS key", "s3:GetObject", nil},
		{answer("AccessDenied", "The ciphertext refers to a customer master key that does not exist", nil), "kms:Decrypt", "s3:GetObject", nil},
		{answer("PermanentRedirect", "no", http.Header{"X-Amz-Bucket-Region": {"eu-west-1"}}), "own region, eu-west-1,", "head-bucket", nil},
		{answer("PermanentRedirect", "no", http.Header{"X-Amz-Bucket-Region": {"else where"}}), "head-bucket", "else where", nil},
	} {
		_, err := NewStore(newAnswers(t, c.answer), "bucket", c.opts...).Load(t.Context(), "a")
		wantError(t, err, lease.ErrMisconfigured, c.says)
		assert.NotContains(t, err.Error(), c.not)
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
	errtest.Advice(t, err)
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
	wantError(t, err, lease.ErrMisconfigured, "NoSuchBucket")
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
		"the region":    func(o *s3.Options) { o.Region, o.BaseEndpoint = "", nil },
		"bucket's name": func(o *s3.Options) { o.BaseEndpoint = aws.String("not a URL") },
	} {
		_, err := NewStore(newAnswers(t, wire.Cut(wire.Before), change), "bucket").Load(t.Context(), "a")
		wantError(t, err, lease.ErrMisconfigured, says)
	}
}

// Whether this machine has a role is not known as long as nobody answers.
func TestNoAnswerAboutARole(t *testing.T) {
	t.Parallel()
	client := newAnswers(t, wire.Cut(wire.Before), func(o *s3.Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, &smithy.OperationError{ServiceID: "ec2imds", OperationName: "GetMetadata", Err: errors.New("nobody answers")}
		})
	})
	_, err := NewStore(client, "bucket").Load(t.Context(), "a")
	wantError(t, err, nil, "role")
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
	all := http.Header{"Etag": {`"1"`}, "Content-Type": {"text/plain"}, "Content-Length": {strconv.Itoa(len(content))}}
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
		{written, written, time.Nanosecond},
		{"Tue, 14 Jul 2026 12:00:03 GMT", written, time.Nanosecond},
		{"Tue, 14 Jul 2026 12:00:04 GMT", written, time.Second},
		{"Tue, 14 Jul 2026 12:01:00 GMT", written, 57 * time.Second},
		{"Wed, 15 Jul 2026 12:00:00 GMT", written, 24*time.Hour - 3*time.Second},
		{"Tue, 14 Jul 2026 11:59:57 GMT", written, time.Nanosecond},
		{"Tue, 14 Jul 2026 11:59:56 GMT", written, 0}, // its machines disagree by more than they may
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
		s := NewStore(newAnswers(t, object(string(encode([]byte("x"))), header)), "bucket", WithAge())
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
		assert.Equal(t, says == "update the program", errors.Is(err, lease.ErrNewer))
		assert.ErrorContains(t, err, `object "a"`)
	}
	got, err := NewStore(newAnswers(t, object("{\"leaseObject\":1,\"new\":2}\n{}", nil)), "bucket").Load(t.Context(), "a")
	require.NoError(t, err, "fields that a reader does not know are ignored")
	assert.Equal(t, "{}", string(got.Data))
}

// An answer that does not say how long it is may have broken off, unless its ETag shows that it has not.
func TestUnknownLength(t *testing.T) {
	t.Parallel()
	content := encode([]byte("x"))
	answer := func(etag string) *Store {
		return NewStore(amazon(func(*http.Request) (*http.Response, error) {
			return reply(200, string(content), http.Header{"Etag": {etag}, "X-Amz-Request-Id": {"1"}, "Content-Length": nil}), nil
		}), "bucket")
	}
	_, err := answer(`"1"`).Load(t.Context(), "a")
	wantError(t, err, nil, "how long it is")
	_, err = answer(fmt.Sprintf(`"%x"`, md5.Sum(content))).Load(t.Context(), "a")
	require.NoError(t, err)
}

// An answer in S3's place says so, and not that the configuration is wrong.
func TestNotS3Says(t *testing.T) {
	t.Parallel()
	_, err := NewStore(newAnswers(t, wire.Reply(http.StatusForbidden, nil, page)), "bucket").Load(t.Context(), "a")
	wantError(t, err, nil, "the answer is not S3's own: it has no error code in XML")
}

// What STS refuses is not what S3 refuses, also if the code is the same.
func TestRefusalOfARole(t *testing.T) {
	t.Parallel()
	for code, says := range map[string]string{"AccessDenied": "sts:AssumeRole", "Forbidden": ""} {
		client := newAnswers(t, wire.Cut(wire.Before), func(o *s3.Options) {
			o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{}, &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: &smithy.GenericAPIError{Code: code, Message: "no"}}
			})
		})
		_, err := NewStore(client, "bucket").Load(t.Context(), "a")
		require.Error(t, err)
		assert.Equal(t, says != "", errors.Is(err, lease.ErrMisconfigured))
		assert.ErrorContains(t, err, says)
		assert.NotContains(t, err.Error(), "s3:GetObject")
	}
}

// An answer that breaks off in its middle is no record, and no verdict on it.
func TestAnswerBreaksOff(t *testing.T) {
	t.Parallel()
	long := object(string(encode([]byte("x"))), http.Header{"Content-Length": {"1000"}})
	_, err := NewStore(newAnswers(t, long), "bucket").Load(t.Context(), "a")
	wantError(t, err, nil, "broke off")
}
