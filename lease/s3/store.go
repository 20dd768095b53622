package s3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

// Store is a lease.Store in a bucket. It keeps no state outside the bucket, so any number of Stores, in any number of
// processes, may share one bucket. Make it with NewStore. It is safe for concurrent use.
type Store struct {
	client   API
	bucket   string
	prefix   string
	endpoint string // that the client's user named; empty: none, or one that may not be shown
	pageSize int32  // keys per page of a list; 0: S3's default, 1,000
	amazon   bool   // the endpoint is Amazon's own, as far as the client shows
	aged     bool   // the times in an answer are trusted
	close    func()
	problem  error // a nil option

	encryption    types.ServerSideEncryption // empty: the bucket's default; likewise the three below
	encryptionKey string
	owner         *string
	payer         types.RequestPayer
}

// NewStore returns a Store in the bucket. Like New, it never fails and sends nothing.
func NewStore(client API, bucket string, opts ...Option) *Store {
	s := &Store{client: client, bucket: bucket, endpoint: endpointOf(client), amazon: isAmazon(client), close: func() {}}
	s.aged = s.amazon
	s.problem = failure.Apply(s, opts)
	return s
}

// String returns the place as the URL that Open takes: "s3://bucket/folder". Open does not take a bucket that is an ARN.
func (s *Store) String() string {
	return storeurl.PlaceIn("s3", s.bucket, "", s.prefix, map[string]string{"endpoint": s.endpoint})
}

// Close implements lease.Closer. It closes the connections of a client that Open made, and leaves other clients alone.
func (s *Store) Close() error {
	s.close()
	return nil
}

// plainly keeps the SDK from sending the body in chunks with a checksum behind it. That is the SDK's default, which
// many servers other than Amazon's do not understand (https://github.com/aws/aws-sdk-go-v2/discussions/2960). So a
// write is one plain request. TLS, or without TLS a signed hash, protects its body from changes on the way.
func plainly(o *s3.Options) {
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
}

// Load implements lease.Store. A read shows every write before it
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel). An object that is not a cell
// is an ErrRecord. A permanent refusal by S3 is an ErrMisconfigured, even a 403 for an object that may only be missing.
func (s *Store) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	key, err := s.key(name)
	if err != nil {
		return lease.Snapshot{}, err
	}
	found, err := s.read(ctx, key)
	if err != nil || found.version == "" {
		return lease.Snapshot{}, err
	}
	data, err := decode(found.content)
	if err != nil {
		return lease.Snapshot{}, fmt.Errorf("%w: object %q: %w", lease.ErrRecord, key, err)
	}
	return lease.Snapshot{Data: data, Version: found.version, Age: found.age}, nil
}

// A reading is the result of a read. content is cut short if the object is larger than a cell's.
type reading struct {
	content []byte
	version lease.Version // empty: there is no object
	age     time.Duration
}

func (s *Store) read(ctx context.Context, key string) (reading, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &s.bucket, Key: &key, ExpectedBucketOwner: s.owner, RequestPayer: s.payer,
	}, plainly)
	if s.codeOf(err) == noSuchKey {
		return reading{}, nil
	}
	if err != nil {
		return reading{}, s.classify(ctx, err)
	}
	if out == nil || out.Body == nil {
		return reading{}, errNoAnswer
	}
	defer out.Body.Close()
	if err := s.answered(out.ResultMetadata); err != nil {
		return reading{}, err
	}
	content, err := io.ReadAll(io.LimitReader(out.Body, maxObject+1)) // one byte more than a cell's object may have, to notice a larger object
	if err != nil {
		return reading{}, s.classify(ctx, fmt.Errorf("the answer broke off: %w", err))
	}
	found := reading{content: content, version: versionOf(out.ETag)}
	switch {
	case found.version == "":
		return reading{}, notS3s("it has no ETag")
	case out.ContentLength == nil && overHTTP(out.ResultMetadata) && len(content) <= maxObject && !isMD5(found.version, content):
		return reading{}, notS3s("it does not say how long it is, so that it may have broken off")
	}
	if s.aged {
		found.age = age(out)
	}
	return found, nil
}

// Swap implements lease.Store with a conditional write
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html). S3 accepts one of several racing
// writes and answers the others 412 or 409; it answers 404 if there is no object to match. A server that ignores the
// condition accepts all writes, and its answers do not show that. Data that is not UTF-8 text of at most 64 KiB is an
// ErrInvalid.
func (s *Store) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	key, err := s.key(name)
	if err != nil {
		return "", err
	}
	if err := lease.CheckCell(data); err != nil {
		return "", err
	}
	content := encode(data)
	in := &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(content), ContentType: aws.String("text/plain; charset=utf-8"),
		ExpectedBucketOwner: s.owner, RequestPayer: s.payer, ServerSideEncryption: s.encryption,
	}
	if s.encryptionKey != "" {
		in.SSEKMSKeyId = &s.encryptionKey
	}
	if old == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = aws.String(string(old))
	}
	out, err := s.client.PutObject(ctx, in, plainly)
	if s.isConflict(err, old) {
		return "", fmt.Errorf("%w: object %q: %w", lease.ErrConflict, key, err)
	}
	if err != nil {
		return "", s.classify(ctx, err)
	}
	if out == nil {
		return "", errNoAnswer
	}
	return s.written(ctx, key, content, out)
}

const noSuchKey = "NoSuchKey"

// isConflict reports whether a Swap from the version was refused because the object's version is another.
func (s *Store) isConflict(err error, old lease.Version) bool {
	switch s.codeOf(err) {
	case "":
		return false
	case "PreconditionFailed", "ConditionalRequestConflict", "OperationAborted": // the latter two: another write at the same moment won
		return true
	case "Conflict": // which the SDK makes of a 409 without a page
		return true
	case noSuchKey:
		return old != ""
	}
	// Servers that speak S3's protocol give 412 under other codes, too. Their other 409s are no conflicts: see noRoom.
	return statusOf(err) == http.StatusPreconditionFailed
}
