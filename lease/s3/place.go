package s3

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/cloudlease/leader/lease"
)

// bucketAPI is the part of the SDK's client that MakePlace uses.
type bucketAPI interface {
	HeadBucket(context.Context, *s3.HeadBucketInput, ...func(*s3.Options)) (*s3.HeadBucketOutput, error)
	CreateBucket(context.Context, *s3.CreateBucketInput, ...func(*s3.Options)) (*s3.CreateBucketOutput, error)
	Options() s3.Options
}

// taken is the advice about a bucket of another account: all accounts of the world share the names.
const taken = "name another bucket: this one belongs to another account"

// MakePlace implements lease.PlaceMaker, if the client can make buckets. The bucket is in the client's region, with S3's
// defaults: without versions, encrypted, not public. It has no other location. Of several calls at once, one has made the bucket; in
// us-east-1 each may say so, because S3 there answers the owner of a bucket that is there as if it had just been made.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html#API_CreateBucket_Errors
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
	if _, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket}); err == nil {
		return false, nil
	}
	in := &s3.CreateBucketInput{Bucket: &s.bucket}
	// No location means us-east-1: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
	if region := client.Options().Region; region != "us-east-1" {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	}
	_, err = client.CreateBucket(ctx, in)
	if _, ours := errors.AsType[*types.BucketAlreadyOwnedByYou](err); ours { // another process of the account has made it
		return false, nil
	}
	if _, exists := errors.AsType[*types.BucketAlreadyExists](err); exists {
		return false, &lease.MisconfiguredError{Err: err, Advice: taken}
	}
	if err != nil {
		return false, s.classify(ctx, err)
	}
	return true, nil
}
