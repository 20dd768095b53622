package s3

import (
	"context"
	"errors"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/cloudlease/leader/lease"
)

// List implements lease.Lister, in the order of the keys. It sends one request for each thousand keys, and one for each
// cell. It skips objects that are not this package's, whatever their keys.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		for key, err := range s.keys(ctx, prefix) {
			if err != nil {
				yield(lease.Cell{}, err)
				return
			}
			name, ours := s.nameOf(key)
			if !ours || !strings.HasPrefix(name, prefix) {
				continue
			}
			snapshot, err := s.Load(ctx, name)
			if ctx.Err() != nil {
				yield(lease.Cell{}, context.Cause(ctx))
				return
			}
			if err == nil && snapshot.Version == "" {
				continue // gone meanwhile
			}
			if !yield(lease.Cell{Name: name, Snapshot: snapshot, Err: err}, nil) {
				return
			}
		}
	}
}

// keys yields the keys of all names that begin with the prefix, and perhaps keys of other objects. It ends at the first
// error.
func (s *Store) keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := s.ready(); err != nil {
			yield("", err)
			return
		}
		in := s.listOf(prefix)
		if s.pageSize > 0 {
			in.MaxKeys = &s.pageSize
		}
		for {
			page, err := s.page(ctx, in)
			if err != nil {
				yield("", err)
				return
			}
			for _, object := range page.Contents {
				if !yield(decodeKey(page.EncodingType, aws.ToString(object.Key)), nil) {
					return
				}
			}
			if !aws.ToBool(page.IsTruncated) {
				return
			}
			in.ContinuationToken = page.NextContinuationToken
		}
	}
}

// listOf is the request for the first page of a list.
func (s *Store) listOf(prefix string) *s3.ListObjectsV2Input {
	return &s3.ListObjectsV2Input{
		Bucket: &s.bucket, Prefix: aws.String(s.keyPrefix(prefix)), ExpectedBucketOwner: s.owner, RequestPayer: s.payer,
	}
}

// page makes one request, and rejects an answer that cannot belong to it. XML cannot represent every key that other
// programs may use
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html#API_ListObjectsV2_RequestSyntax). So page
// repeats the request for an unreadable page with encoded keys, and all later pages are encoded, too. The list does not
// start again from its beginning, because some servers that speak S3's protocol lose their place in an encoded list of
// several pages.
func (s *Store) page(ctx context.Context, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	page, err := s.client.ListObjectsV2(ctx, in, plainly)
	if unreadable, _ := errors.AsType[*smithy.DeserializationError](err); unreadable != nil && in.EncodingType == "" {
		in.EncodingType = types.EncodingTypeUrl
		page, err = s.client.ListObjectsV2(ctx, in, plainly)
	}
	if err != nil {
		return nil, s.classify(ctx, err)
	}
	if page == nil {
		return nil, errNoAnswer
	}
	if err := s.answered(page.ResultMetadata); err != nil {
		return nil, err
	}
	next := aws.ToString(page.NextContinuationToken)
	switch name := aws.ToString(page.Name); {
	case name == "":
		return nil, notS3s("it is no list of a bucket")
	case name != s.bucket && !s.isAlias():
		return nil, notS3s("it lists another bucket, %q", name)
	case aws.ToBool(page.IsTruncated) && (next == "" || next == aws.ToString(in.ContinuationToken)):
		return nil, errors.New("the server says that the list goes on, but not where: name a server that works as S3 does")
	}
	return page, nil
}

// isAlias reports whether the bucket's name may be an ARN or the alias of an access point. A list does not repeat those
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-naming.html).
func (s *Store) isAlias() bool {
	return strings.Contains(s.bucket, ":") ||
		slices.ContainsFunc([]string{"-s3alias", "--ol-s3", "--xa-s3"}, func(end string) bool { return strings.HasSuffix(s.bucket, end) })
}

// decodeKey returns the key in plain text: the SDK leaves it as the answer encodes it.
func decodeKey(encoding types.EncodingType, key string) string {
	if encoding == types.EncodingTypeUrl {
		if decoded, err := url.QueryUnescape(key); err == nil { // the encoding writes a space as +
			return decoded
		}
	}
	return key
}
