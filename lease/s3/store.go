package s3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cloudlease/leader/lease"
)

// Store is a lease.Store in a bucket. It has no state but what is there, so any number of Stores, in any number of
// processes, may share one. Make it with NewStore. It is safe for concurrent use.
type Store struct {
	client   API
	bucket   string
	prefix   string
	pageSize int32 // of a list; 0: S3's own, 1,000
}

// NewStore returns the Store in the bucket. What New says of it holds here, too.
func NewStore(client API, bucket string, opts ...Option) *Store {
	s := &Store{client: client, bucket: bucket}
	for _, opt := range opts {
		opt(s)
	}
	return s
}

// String names the store in errors, as aws s3 does: "s3://bucket/prefix".
func (s *Store) String() string { return "s3://" + s.bucket + "/" + s.prefix }

// plainly keeps the SDK from sending the body in chunks with a checksum behind it, which is its default and which many
// other servers than Amazon's do not understand (https://github.com/aws/aws-sdk-go-v2/discussions/2960). So a write is one
// plain request; TLS, or without it a hash that is signed, keeps its body from being changed on the way.
func plainly(o *s3.Options) {
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
}

// Load implements lease.Store. A read shows every write before it
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel). An object that is not a cell is
// an ErrRecord; what S3 refuses for good is an ErrMisconfigured, a 403 for an object that may only be missing included.
func (s *Store) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	key, err := s.key(name)
	if err != nil {
		return lease.Snapshot{}, err
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key}, plainly)
	if codeOf(err) == noSuchKey {
		return lease.Snapshot{}, nil
	}
	if err != nil {
		return lease.Snapshot{}, s.diagnose(ctx, err)
	}
	defer out.Body.Close()
	content, err := io.ReadAll(io.LimitReader(out.Body, maxObject+1)) // the one byte more shows an object of which this is not all
	if err != nil {
		return lease.Snapshot{}, s.diagnose(ctx, fmt.Errorf("the answer broke off: %w", err))
	}
	data, err := decode(content)
	if err != nil {
		return lease.Snapshot{}, fmt.Errorf("%w: object %q: %w", lease.ErrRecord, key, err)
	}
	version, err := versionOf(out.ETag)
	return lease.Snapshot{Data: data, Version: version, Age: age(out)}, err
}

// age is a lower bound on how long ago the object was sent, by S3's own clocks: its machines may disagree by two seconds,
// and they tell whole seconds. 0 if the answer lacks a time.
func age(out *s3.GetObjectOutput) time.Duration {
	const grain, skew = time.Second, 2 * time.Second
	now, ok := middleware.GetServerTime(out.ResultMetadata)
	if !ok || out.LastModified == nil {
		return 0
	}
	return max(now.Sub(out.LastModified.Add(grain+skew)), 0) // Sub stops at the ends of what there is, and does not wrap around
}

// Swap implements lease.Store, with a conditional write
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html): S3 takes one of those that race, and
// answers the others 412 or 409; one that finds nothing to match, 404. A server that passes over the condition takes all
// of them, and the answer does not show it. Data that is not UTF-8 text of at most 16 KiB is an ErrInvalid.
func (s *Store) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	key, err := s.key(name)
	if err != nil {
		return "", err
	}
	if err := lease.CheckCell(data); err != nil {
		return "", err
	}
	in := &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(encode(data)), ContentType: aws.String("text/plain; charset=utf-8"),
	}
	if old == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = aws.String(string(old))
	}
	out, err := s.client.PutObject(ctx, in, plainly)
	if isConflict(err, old) {
		return "", fmt.Errorf("%w: object %q: %w", lease.ErrConflict, key, err)
	}
	if err != nil {
		return "", s.diagnose(ctx, err)
	}
	return versionOf(out.ETag)
}

// versionOf is the ETag, in its quotes. It is a hash of what was written or, if it is encrypted with keys of KMS or of the
// client, some other text of that write's own
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html).
func versionOf(etag *string) (lease.Version, error) {
	if aws.ToString(etag) == "" {
		return "", fmt.Errorf("%w: the answer has no ETag: the server, or a proxy before it, does not speak S3: name another endpoint",
			lease.ErrMisconfigured)
	}
	return lease.Version(*etag), nil
}

// List implements lease.Lister, in the order of the keys: one request for a thousand of them, and one for each cell.
// Objects that are not this package's are passed over.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		if err := s.ready(); err != nil {
			yield(lease.Cell{}, err)
			return
		}
		in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: aws.String(s.keyPrefix(prefix))}
		if s.pageSize > 0 {
			in.MaxKeys = &s.pageSize
		}
		for pages := s3.NewListObjectsV2Paginator(s.client, in); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx, plainly)
			if err != nil {
				yield(lease.Cell{}, s.diagnose(ctx, err))
				return
			}
			for _, object := range page.Contents {
				name, ours := s.nameOf(aws.ToString(object.Key))
				if !ours || !strings.HasPrefix(name, prefix) {
					continue
				}
				snapshot, err := s.Load(ctx, name)
				if err == nil && snapshot.Version == "" {
					continue // gone meanwhile
				}
				if !yield(lease.Cell{Name: name, Snapshot: snapshot, Err: err}, nil) {
					return
				}
			}
		}
	}
}
