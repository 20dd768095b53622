package s3

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/cloudlease/leader/lease"
)

// bucketAPI is the part of the SDK's client that MakePlace uses, beside API.
type bucketAPI interface {
	CreateBucket(context.Context, *s3.CreateBucketInput, ...func(*s3.Options)) (*s3.CreateBucketOutput, error)
	Options() s3.Options
}

// taken is the advice about a bucket of another account: all accounts of the world share the names.
const taken = "name another bucket: this one belongs to another account"

// MakePlace implements lease.PlaceMaker, if the client can make buckets. The bucket is in the client's region, with S3's
// defaults: without versions, encrypted, not public. It has no other location. MakePlace lists the bucket first, as List does, and
// makes one only if S3 answers that there is none: in us-east-1, S3 lets its owner make a bucket that is there, and resets its access
// control lists. So of several calls at once, one has made the bucket, but in us-east-1 each may say so.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html#API_CreateBucket_Errors
//
// A bucket that this process may not list is an ErrMisconfigured: it may be somebody else's.
func (s *Store) MakePlace(ctx context.Context, location string) (made bool, err error) {
	if err := s.ready(); err != nil {
		return false, err
	}
	client, ok := s.client.(bucketAPI)
	switch {
	case !ok:
		return false, fmt.Errorf("the client cannot create buckets: %w", errors.ErrUnsupported)
	case location != "":
		return false, fmt.Errorf("%w: a bucket is where its URL's region is: name no other location", lease.ErrInvalid)
	}
	if err := s.look(ctx); s.codeOf(err) != noSuchBucket {
		return false, err
	}
	in := &s3.CreateBucketInput{Bucket: &s.bucket}
	// No location means us-east-1: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
	if region := client.Options().Region; region != "us-east-1" {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	}
	out, err := client.CreateBucket(ctx, in)
	switch code := s.codeOf(err); {
	case code == "BucketAlreadyOwnedByYou": // another process of the account has made it
		return false, s.look(ctx)
	case code == "BucketAlreadyExists":
		return false, &lease.MisconfiguredError{Err: err, Advice: taken}
	case err != nil:
		return false, s.classify(ctx, err)
	case out == nil:
		return false, errNoAnswer
	}
	return s.made(ctx, out)
}

// made checks an answer that says that the bucket was made. One with the bucket's place shows it; else, or if the bucket has to be of
// another account than this process's, made looks for it.
func (s *Store) made(ctx context.Context, out *s3.CreateBucketOutput) (bool, error) {
	if err := s.answered(out.ResultMetadata); err != nil {
		return false, err
	}
	shown := strings.Contains(aws.ToString(out.Location), s.bucket)
	if shown && s.owner == nil {
		return true, nil
	}
	err := s.look(ctx)
	if s.codeOf(err) == noSuchBucket {
		return false, notS3s("it says that the bucket was made, and there is none")
	}
	return shown || err == nil, err
}

const noSuchBucket = "NoSuchBucket"

// look returns nil if the bucket is there and this process may list it.
func (s *Store) look(ctx context.Context) error {
	in := s.listOf("")
	in.MaxKeys = aws.Int32(1)
	_, err := s.page(ctx, in)
	refused, permanent := errors.AsType[*lease.MisconfiguredError](err)
	if code := s.codeOf(err); !permanent || code != "AccessDenied" && code != "Forbidden" {
		return err
	}
	return &lease.MisconfiguredError{
		Err:    fmt.Errorf("the bucket may be there, and hides its objects: %w", refused.Err),
		Advice: "name another bucket, if this one is somebody else's; if not, " + refused.Advice,
	}
}
