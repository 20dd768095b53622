package s3

import (
	"context"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// said is an answer of Amazon's.
type said struct {
	status int
	body   string
	header http.Header
}

func code(status int, code string) said {
	return said{status, "<Error><Code>" + code + "</Code><Message>the message</Message></Error>", http.Header{"X-Amz-Request-Id": {"1"}}}
}

var (
	listOfIt = said{200, "<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated></ListBucketResult>", http.Header{"X-Amz-Request-Id": {"1"}}}
	noneYet  = code(404, "NoSuchBucket")
	created  = said{200, "", http.Header{"X-Amz-Request-Id": {"1"}, "Location": {"http://bucket.s3.amazonaws.com/"}}}
	unplaced = said{200, "", http.Header{"X-Amz-Request-Id": {"1"}}}
)

// A bucket is made only if S3 itself says that there is none, and has been made only if S3 shows it.
func TestMakePlace(t *testing.T) {
	t.Parallel()
	const bad = "misconfigured"
	redirect := code(301, "PermanentRedirect")
	redirect.header.Set("X-Amz-Bucket-Region", "eu-central-1")
	for what, c := range map[string]struct {
		gets []said // the answers to lists, in their order
		put  said   // status 0: none is sent
		made bool
		want string // empty: no error; else what the error says
		kind string
		opt  Option
	}{
		"there":                             {gets: []said{listOfIt}},
		"made":                              {gets: []said{noneYet}, put: created, made: true},
		"made by another process":           {gets: []said{noneYet, listOfIt}, put: code(409, "BucketAlreadyOwnedByYou")},
		"made elsewhere by another process": {gets: []said{noneYet, redirect}, put: code(409, "BucketAlreadyOwnedByYou"), want: "eu-central-1", kind: bad},
		"somebody else's meanwhile":         {gets: []said{noneYet}, put: code(409, "BucketAlreadyExists"), want: "another account", kind: bad},
		"not allowed":                       {gets: []said{noneYet}, put: code(403, "AccessDenied"), want: "AccessDenied", kind: bad},
		"hidden":                            {gets: []said{code(403, "AccessDenied")}, want: "name another bucket, if this one is somebody else's; if not, allow", kind: bad},
		"of wrong keys":                     {gets: []said{code(403, "InvalidAccessKeyId")}, want: "credentials", kind: bad},
		"of another region":                 {gets: []said{redirect}, want: "own region, eu-central-1", kind: bad},
		"out of reach":                      {gets: []said{code(503, "SlowDown")}, want: "SlowDown"},
		"a page instead":                    {gets: []said{{404, page, nil}}, want: "not S3's own"},
		"not found, by nobody knows whom":   {gets: []said{{404, noneYet.body, nil}}, want: "not S3's own"},
		"a list of another":                 {gets: []said{{200, "<ListBucketResult><Name>other</Name></ListBucketResult>", listOfIt.header}}, want: "another bucket"},
		"created, without its place":        {gets: []said{noneYet, listOfIt}, put: unplaced, made: true},
		"created, and not there":            {gets: []said{noneYet, noneYet}, put: unplaced, want: "there is none"},
		"created, and hidden":               {gets: []said{noneYet, code(403, "AccessDenied")}, put: unplaced, want: "hides its objects", kind: bad},
		"a page for a creation":             {gets: []said{noneYet}, put: said{200, page, nil}, want: "not S3's own"},
		"no content for a creation":         {gets: []said{noneYet}, put: said{204, "", created.header}, want: "not S3's own"},
		"a refusal by nobody knows whom":    {gets: []said{noneYet}, put: said{409, code(409, "BucketAlreadyOwnedByYou").body, nil}, want: "not S3's own"},
		"of the account":                    {gets: []said{noneYet, listOfIt}, put: created, made: true, opt: WithExpectedBucketOwner("111122223333")},
		"not of the account": {gets: []said{noneYet, code(403, "AccessDenied")}, put: created, made: true, want: "expected to own it", kind: bad,
			opt: WithExpectedBucketOwner("111122223333")},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			var gets, puts int
			client := amazon(func(r *http.Request) (*http.Response, error) {
				answer := c.put
				if r.Method == http.MethodPut {
					puts++
				} else {
					require.Less(t, gets, len(c.gets), "one list more")
					answer = c.gets[gets]
					gets++
					assert.Equal(t, "2", r.URL.Query().Get("list-type"))
					assert.Equal(t, "leases/", r.URL.Query().Get("prefix"))
				}
				return reply(answer.status, answer.body, answer.header), nil
			})
			opts := []Option{WithPrefix("leases/")}
			if c.opt != nil {
				opts = append(opts, c.opt)
			}
			made, err := NewStore(client, "bucket", opts...).MakePlace(t.Context(), "")
			assert.Equal(t, c.made, made)
			assert.Equal(t, len(c.gets), gets, "lists")
			assert.Equal(t, c.put.status != 0, puts == 1, "%d creations", puts)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			wantError(t, err, map[string]error{bad: lease.ErrMisconfigured}[c.kind], c.want)
		})
	}
}

// silent is a client that returns neither an answer nor an error, or an answer without a body.
type silent struct {
	*s3.Client
	read *s3.GetObjectOutput
}

func (c silent) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	return c.read, nil
}

func (silent) PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	return nil, nil
}

func (silent) ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	return nil, nil
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	for _, read := range []*s3.GetObjectOutput{nil, {}} {
		for op, call := range calls(t, NewStore(silent{s3.New(s3.Options{}), read}, "bucket")) {
			require.ErrorIs(t, call(), errNoAnswer, op)
		}
	}
	missing := amazon(func(*http.Request) (*http.Response, error) {
		return reply(noneYet.status, noneYet.body, noneYet.header), nil
	})
	_, err := NewStore(makesNone{missing}, "bucket").MakePlace(t.Context(), "")
	require.ErrorIs(t, err, errNoAnswer)
}

type makesNone struct{ *s3.Client }

func (makesNone) CreateBucket(context.Context, *s3.CreateBucketInput, ...func(*s3.Options)) (*s3.CreateBucketOutput, error) {
	return nil, nil
}
