package awsopen

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A service takes the requests that one key signs, and counts them all.
type service struct {
	*httptest.Server
	valid    atomic.Pointer[string]
	requests atomic.Int32
	bodies   sync.Map // of requests, by number
	refuse   func(w http.ResponseWriter)
}

func newService(t *testing.T, refuse func(w http.ResponseWriter)) *service {
	s := &service{refuse: refuse}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.bodies.Store(s.requests.Add(1), string(body))
		if !strings.Contains(r.Header.Get("Authorization"), "Credential="+*s.valid.Load()+"/") {
			s.refuse(w)
			return
		}
		w.Header().Set("ETag", `"x"`)
		answer(w, 200, "{}")
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) accept(key string) { s.valid.Store(&key) }

func refusesAsDynamoDB(w http.ResponseWriter) {
	answer(w, 400, `{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"The security token included in the request is invalid."}`)
}

func refusesAsS3(w http.ResponseWriter) {
	answer(w, 403, `<Error><Code>InvalidAccessKeyId</Code><Message>no such key</Message></Error>`)
}

func refusesAsR2(w http.ResponseWriter) {
	answer(w, 401, `<Error><Code>Unauthorized</Code><Message>made up</Message></Error>`)
}

func refusesAsInsecure(w http.ResponseWriter) {
	answer(w, 403, `<Error><Code>InvalidSecurity</Code><Message>made up</Message></Error>`)
}

func keysOf(id string) string {
	return "[default]\naws_access_key_id = " + id + "\naws_secret_access_key = x\n"
}

// Keys that are rotated in a shared file are read anew when the old ones are refused, within the call; and the call's body is sent
// again, whole.
func TestRotatedKeys(t *testing.T) {
	put := func(ctx context.Context, c Client) error {
		client := s3.NewFromConfig(c.Config, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = c.Endpoint, true })
		bucket, key := "b", "k"
		_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("hello")})
		return err
	}
	for name, test := range map[string]struct {
		refuse func(http.ResponseWriter)
		call   func(ctx context.Context, c Client) error
	}{
		"DynamoDB": {refusesAsDynamoDB, func(ctx context.Context, c Client) error {
			_, err := c.table().ListTables(ctx, &dynamodb.ListTablesInput{ExclusiveStartTableName: aws.String("hello")})
			return err
		}},
		"S3":                    {refusesAsS3, put},
		"Cloudflare R2":         {refusesAsR2, put},
		"S3, by another reason": {refusesAsInsecure, put},
	} {
		t.Run(name, func(t *testing.T) {
			_, credentials := isolated(t)
			write(t, credentials, keysOf("OLD"))
			s := newService(t, test.refuse)
			s.accept("OLD")
			c, err := load(t, "region=eu-west-1&endpoint="+s.URL)
			require.NoError(t, err)
			require.NoError(t, test.call(soon(t), c))
			write(t, credentials, keysOf("NEW"))
			require.NoError(t, test.call(soon(t), c))
			require.Equal(t, int32(2), s.requests.Load(), "the old ones are used as long as they are accepted")
			s.accept("NEW")
			require.NoError(t, test.call(soon(t), c))
			require.Equal(t, int32(4), s.requests.Load())
			body, _ := s.bodies.Load(int32(4))
			assert.Contains(t, body, "hello")
			require.NoError(t, test.call(soon(t), c))
			require.Equal(t, int32(5), s.requests.Load(), "the new ones are kept")
		})
	}
}

// Keys that are refused, and have not changed, are no reason for another request.
func TestRefusedKeysThatAreStillThere(t *testing.T) {
	_, credentials := isolated(t)
	write(t, credentials, keysOf("OLD"))
	s := newService(t, refusesAsDynamoDB)
	s.accept("OTHER")
	c, err := load(t, "region=eu-west-1&endpoint="+s.URL)
	require.NoError(t, err)
	require.ErrorContains(t, getItem(soon(t), c.table()), "UnrecognizedClientException")
	assert.Equal(t, int32(1), s.requests.Load())
}

// A role's keys that are refused before they expire, as when its sessions are revoked, are asked for again; by new keys of
// the file, if the old ones may no longer.
func TestRefusedRole(t *testing.T) {
	_, credentials := isolated(t)
	write(t, credentials, keysOf("OLD"))
	s := newService(t, refusesAsDynamoDB)
	var given atomic.Int32
	accepted := atomic.Pointer[string]{}
	old, latest := "OLD", "NEW"
	accepted.Store(&old)
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "Credential="+*accepted.Load()+"/") {
			w.WriteHeader(403)
			_, _ = io.WriteString(w, "<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>no such key</Message></Error></ErrorResponse>")
			return
		}
		_, _ = io.WriteString(w, role("ROLE"+string('0'+rune(given.Add(1))), time.Now().Add(time.Hour)))
	}))
	defer sts.Close()
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
	c, err := load(t, "region=eu-west-1&role_arn=arn:aws:iam::111122223333:role/x&endpoint="+s.URL)
	require.NoError(t, err)
	s.accept("ROLE1")
	require.NoError(t, getItem(soon(t), c.table()))

	write(t, credentials, keysOf("NEW"))
	accepted.Store(&latest)
	s.accept("ROLE2")
	require.NoError(t, getItem(soon(t), c.table()))
}

// Credentials that there were not are found once they are there.
func TestKeysThatCome(t *testing.T) {
	_, credentials := isolated(t)
	s := newService(t, refusesAsDynamoDB)
	s.accept("KEY")
	c, err := load(t, "region=eu-west-1&endpoint="+s.URL)
	require.NoError(t, err)
	err = getItem(soon(t), c.table())
	do, permanent := advice(t.Context(), err)
	require.True(t, permanent, "%v", err)
	assert.Contains(t, do, "there are no AWS credentials")
	write(t, credentials, keysOf("KEY"))
	c.Config.Credentials.(*source).latest = time.Time{} // as if some seconds had passed
	require.NoError(t, getItem(soon(t), c.table()))
}

// The configuration is read once in some seconds, however many calls are refused, and however many at once.
func TestReadAnewSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int32
		again := func(context.Context) (aws.CredentialsProvider, error) {
			reads.Add(1)
			time.Sleep(time.Second) // it takes a request
			return nil, errors.New("made up")
		}
		s := newSource(aws.AnonymousCredentials{}, again)
		refuse := middleware.FinalizeHandlerFunc(func(context.Context, middleware.FinalizeInput) (middleware.FinalizeOutput, middleware.Metadata, error) {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, &smithy.GenericAPIError{Code: "ExpiredTokenException"}
		})
		began := time.Now()
		for range 21 {
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					_, _, err := s.HandleFinalize(t.Context(), middleware.FinalizeInput{}, refuse)
					assert.ErrorContains(t, err, "ExpiredTokenException")
				})
			}
			all.Wait()
			time.Sleep(time.Second)
		}
		assert.InDelta(t, time.Since(began)/readEvery, reads.Load(), 1)
	})
}

// Many calls that are refused at once all get the new keys, by one reading.
func TestManyCallsAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int32
		provider := func(id string) aws.CredentialsProvider {
			return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{AccessKeyID: id}, nil })
		}
		s := newSource(provider("OLD"), func(context.Context) (aws.CredentialsProvider, error) {
			reads.Add(1)
			time.Sleep(time.Second)
			return provider("NEW"), nil
		})
		next := middleware.FinalizeHandlerFunc(func(ctx context.Context, _ middleware.FinalizeInput) (middleware.FinalizeOutput, middleware.Metadata, error) {
			keys, err := s.Retrieve(ctx)
			time.Sleep(time.Second)
			if err == nil && keys.AccessKeyID == "OLD" {
				err = &smithy.GenericAPIError{Code: "ExpiredTokenException"}
			}
			return middleware.FinalizeOutput{}, middleware.Metadata{}, err
		})
		var all sync.WaitGroup
		var failed atomic.Int32
		for range 10 {
			all.Go(func() {
				if _, _, err := s.HandleFinalize(t.Context(), middleware.FinalizeInput{}, next); err != nil {
					failed.Add(1)
				}
			})
		}
		all.Wait()
		assert.Equal(t, int32(1), reads.Load())
		assert.Zero(t, failed.Load())
	})
}
