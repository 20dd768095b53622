// Package s3 keeps leases in an Amazon S3 bucket: one small object per lease, written with If-None-Match and If-Match.
//
// # What is in the bucket
//
// The object of a lease has the lease's name as its key, after the prefix of [WithPrefix]. Letters, digits, "-", "_", "."
// and the slashes between them are as in the name, other bytes are written as %XX, so that no client, proxy or server
// takes two keys for one. The object is two lines of JSON: a nonce, which makes each write's ETag differ, and the lease.
// Read it with aws s3 cp s3://bucket/orders -. What cannot be read is never overwritten: repair or delete it by hand
// while nobody runs. Nothing here ever deletes an object.
//
// # What the bucket must be like
//
// A general purpose bucket of its own, or a prefix of one, without versioning, Object Lock and lifecycle rules.
//
//   - Versioning keeps every renewal: some 17,000 objects a day and lease at the default intervals. If the bucket has to
//     have it, give the prefix a lifecycle rule with NoncurrentVersionExpiration of one day
//     (https://docs.aws.amazon.com/AmazonS3/latest/API/API_NoncurrentVersionExpiration.html).
//   - A lifecycle rule that expires current objects deletes the record of a lease that nobody has renewed for that long,
//     and its token with it; one that archives them makes it unreadable. Keep the prefix out of both.
//   - Object Lock with a default retention refuses writes that come without a checksum, which is as well: it would keep
//     every renewal, undeletable, for the whole retention. A legal hold binds one version and hinders no renewal.
//     (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html)
//   - Replication copies records to the other bucket late and one way
//     (https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html): elect in one bucket. Whoever campaigns
//     in a replica, or by way of a Multi-Region Access Point, elects a leader of its own.
//   - Directory buckets (S3 Express One Zone) have conditional writes as well, but are in one Availability Zone, answer 503
//     for minutes after 90 days without requests, and list only prefixes that end in a slash
//     (https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-differences.html). This package is not tested on
//     them.
//   - A server that speaks S3's protocol but passes over the preconditions elects everybody. It does not tell, so it is
//     not found out here: test it first, with package leasetest, or with leader doctor.
//
// # Permissions
//
//	{"Version": "2012-10-17", "Statement": [
//		{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::BUCKET/PREFIX*"},
//		{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::BUCKET"}]}
//
// If-Match needs s3:GetObject beside s3:PutObject
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html). Without s3:ListBucket, S3 does not
// tell that an object is missing but answers 403 (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html), and
// a lease that was never taken cannot be. A fleet that may not have that permission runs once with it, for each lease:
// the object stays from then on.
//
// # Takeover
//
// A new process takes over a lease that was left behind without watching it first, some four seconds after it has run
// out: S3 says when an object was written, and what time it is now, to the second; and two seconds are left for its
// machines to disagree.
//
// # Cost
//
// A leader writes every five seconds by default, which is 2.59 USD a month, and each standby reads every five seconds, 0.21
// USD: at 0.005 USD for 1,000 PUT requests and 0.0004 USD for 1,000 GET requests, in us-east-1 in 2026
// (https://aws.amazon.com/s3/pricing/). A lease of a minute costs a quarter of it.
//
// # URL
//
// The URL is s3://bucket or s3://bucket/folder, the latter for the prefix "folder/". The query may have region, profile
// (of the shared configuration), endpoint (of another server that speaks S3) and path_style=true, which such servers may
// need if endpoint is a host's name. What is not there is taken from where the AWS SDK takes it: AWS_REGION,
// AWS_ENDPOINT_URL, ~/.aws/config and so on.
package s3

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

func init() {
	lease.Register("s3", func(ctx context.Context, u *url.URL) (lease.Manager, error) {
		store, err := open(ctx, u)
		if err != nil {
			return nil, err
		}
		return lease.NewManager(store), nil
	})
}

// API is what the package needs of an S3 client. *s3.Client of the AWS SDK has it.
type API interface {
	GetObject(ctx context.Context, in *s3.GetObjectInput, opts ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(ctx context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, opts ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
}

// An Option changes a Store.
type Option func(*Store)

// WithPrefix puts all keys behind a prefix, "leases/" say: at most 255 bytes of UTF-8 without control characters. It is used as it is, so a folder's
// name ends in a slash. The default is none.
func WithPrefix(prefix string) Option { return func(s *Store) { s.prefix = prefix } }

// New returns the Manager that keeps its leases in the bucket. It never fails, and sends nothing: what is wrong with the
// bucket is an error of the calls. The client's own retries are welcome: they end with the context of a call.
func New(client API, bucket string, opts ...Option) lease.Manager {
	return lease.NewManager(NewStore(client, bucket, opts...))
}

// open makes the Store for a URL.
func open(ctx context.Context, u *url.URL) (*Store, error) {
	refuse := func(format string, args ...any) (*Store, error) {
		return nil, fmt.Errorf("%w: store URL %q: %w", lease.ErrMisconfigured, u.Redacted(), fmt.Errorf(format, args...))
	}
	query, err := storeurl.Query(u, "region", "profile", "endpoint", "path_style")
	if err != nil {
		return nil, err
	}
	if u.Host == "" || u.User != nil || u.Port() != "" || u.Fragment != "" {
		return refuse("write it as s3://bucket/folder?region=eu-west-1, without user, port or fragment")
	}
	pathStyle := false
	if text := query.Get("path_style"); text != "" {
		if pathStyle, err = strconv.ParseBool(text); err != nil {
			return refuse("path_style is %q: say true or false", text)
		}
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(query.Get("region")), config.WithSharedConfigProfile(query.Get("profile")))
	switch {
	case errors.As(err, new(config.SharedConfigProfileNotExistError)):
		return refuse("%w: add the profile to ~/.aws/config, or name another", err)
	case err != nil:
		return nil, fmt.Errorf("store URL %q: load the AWS configuration: %w", u.Redacted(), err)
	case cfg.Region == "":
		return refuse("it has no region: add ?region=eu-west-1, or set AWS_REGION")
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = pathStyle
		if endpoint := query.Get("endpoint"); endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})
	folder := strings.Trim(u.Path, "/")
	if folder != "" {
		folder += "/"
	}
	return NewStore(client, u.Host, WithPrefix(folder)), nil
}
