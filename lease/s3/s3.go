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
// # Whose answers count
//
// A filter, a captive portal or a proxy on the way may answer in S3's place. So a write has succeeded only if the answer
// has a hash of what was written, its ETag or the checksum that S3 adds; where there is neither (a few servers other than
// Amazon's, with encryption by KMS perhaps), a read follows each write. That a lease was never taken is known only by S3's
// own error NoSuchKey, and all of Amazon's answers must have a request ID.
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
// With encryption by a key of KMS that the account manages, as the bucket's default or by [WithServerSideEncryption], allow
// on the key as well, in its own policy too if it is another account's:
//
//	{"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": "arn:aws:kms:REGION:ACCOUNT:key/ID"}
//
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html). An S3 Bucket Key
// saves up to 99 % of what KMS costs (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html).
//
// # Takeover
//
// A new process takes over a lease that was left behind without watching it first, some four seconds after it has run
// out: S3 says when an object was written (Last-Modified), and what time it is now (Date), to the second; and two seconds are
// left for its machines to disagree.
//
// Both must be S3's own. nginx puts a Date of its own into what it passes on, unless told not to
// (https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_hide_header), and if that is 20 seconds fast, a lease that
// was just renewed looks 20 seconds old. MinIO's machines may be minutes apart: it refuses a request only if its time is
// 15 minutes off (globalMaxSkewTime in https://github.com/minio/minio/blob/master/cmd/globals.go). So nothing tells how old
// a lease is, and a new process watches it for its length,
//
//   - where the client's user names the endpoint: BaseEndpoint, a resolver, AWS_ENDPOINT_URL, ?endpoint=,
//   - where TLS is turned off,
//   - where a client of the user's own does not have the method Options of *s3.Client.
//
// [WithAge] or ?age=true trust the clocks there as well, those of a VPC endpoint of Amazon's, say; [WithoutAge] and ?age=false
// trust none.
//
// # Cost
//
// A leader writes every five seconds by default, which is 2.59 USD a month, and each standby reads every five seconds, 0.21
// USD: at 0.005 USD for 1,000 PUT requests and 0.0004 USD for 1,000 GET requests, in us-east-1 in 2026
// (https://aws.amazon.com/s3/pricing/). A lease of a minute costs a quarter of it.
//
// # URL
//
// The URL is s3://bucket or s3://bucket/folder, the latter for the prefix "folder/". The query may have
//
//   - region, profile (of the shared configuration), role_arn (a role to assume, with role_session_name and external_id),
//   - endpoint (of another server that speaks S3) and path_style=true, which such servers may need if endpoint is a
//     host's name,
//   - prefix, in place of a folder, for one that is none,
//   - age=true and age=false: [WithAge], [WithoutAge],
//   - sse and sse_kms_key_id: [WithServerSideEncryption], as --sse and --sse-kms-key-id of the AWS CLI,
//   - expected_bucket_owner: [WithExpectedBucketOwner],
//   - requester_pays=true: [WithRequesterPays].
//
// What is not there is taken from where the AWS SDK takes it: AWS_REGION, AWS_ENDPOINT_URL, ~/.aws/config and so on. The
// client that Open makes speaks HTTP/1.1, since over HTTP/2 all requests share one connection, and if that is dead, a lease
// may be lost with it; and it reads credentials anew when they are refused. lease.Close closes its connections.
package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cloudlease/leader/lease"
)

// API is what the package needs of an S3 client. *s3.Client of the AWS SDK has it.
type API interface {
	GetObject(ctx context.Context, in *s3.GetObjectInput, opts ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(ctx context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, opts ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
}

// New returns the Manager that keeps its leases in the bucket. It never fails, and sends nothing: what is wrong with the
// bucket is an error of the calls. The client's own retries are welcome: they end with the context of a call.
func New(client API, bucket string, opts ...Option) lease.Manager {
	return lease.NewManager(NewStore(client, bucket, opts...))
}
