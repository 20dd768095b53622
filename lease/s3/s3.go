// Package s3 keeps leases in an Amazon S3 bucket: one small object per lease, written with If-None-Match and If-Match.
//
// # What is in the bucket
//
// The key of a lease's object is the prefix of [WithPrefix] and the lease's name. Letters, digits, "-" and "_" of the
// name stay as they are. So does a ".", unless the name begins with it, and a slash between two letters or digits. Other
// bytes are written as %XX, so that no client, proxy or server confuses two keys. The object is two lines of JSON: a
// nonce, which makes each write's ETag differ, and the
// lease. Read it with aws s3 cp s3://bucket/orders -. The package never overwrites an object that it cannot read:
// repair or delete the object by hand while no program campaigns for the lease. The package never deletes an object.
//
// # What the bucket must be like
//
// Use a general purpose bucket, or a prefix of one, for leases alone, without versioning, Object Lock and lifecycle
// rules.
//
//   - Versioning keeps every renewal: some 17,000 objects a day and lease at the default intervals. If the bucket must
//     have versioning, give the prefix a lifecycle rule with NoncurrentVersionExpiration of one day
//     (https://docs.aws.amazon.com/AmazonS3/latest/API/API_NoncurrentVersionExpiration.html).
//   - A lifecycle rule that expires current objects deletes the record of a lease, and its fencing token, if no holder
//     has renewed the lease for that long. A rule that archives objects makes the record unreadable. Exclude the prefix
//     from both.
//   - Object Lock with a default retention refuses this package's writes, because they have no checksum. Otherwise it
//     would keep every renewal, undeletable, for the whole retention. A legal hold protects one version only and does
//     not hinder renewals. (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html)
//   - Replication copies records to the other bucket late and one way
//     (https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html). Let all nodes campaign in one bucket:
//     nodes that use a replica, or a Multi-Region Access Point, elect a second leader.
//   - Directory buckets (S3 Express One Zone) have conditional writes as well. But they are in one Availability Zone,
//     answer 503 for minutes after 90 days without requests, and list only prefixes that end in a slash
//     (https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-differences.html). This package is not tested
//     on them.
//   - A server that speaks S3's protocol but ignores the preconditions lets every node lead. Its answers do not show
//     this, so this package cannot detect it: test the server first, with package leasetest or with leader doctor.
//   - A server that keeps objects as files may refuse a lease a/b beside a lease a, or leave it out of its lists, as MinIO
//     does (https://github.com/minio/minio/issues/20834). Fleets have such leases. The doctor warns of it.
//
// # Whose answers count
//
// A filter, a captive portal or a proxy on the way may answer in S3's place. So a write counts as successful only if
// the answer has a hash of what was written: its ETag, or the checksum that S3 adds. A few servers other than Amazon's
// return neither, for example with encryption by KMS; there a read follows each write. Only S3's own error NoSuchKey
// shows that a lease was never taken. All of Amazon's answers must have a request ID.
//
// # Permissions
//
//	{"Version": "2012-10-17", "Statement": [
//		{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::BUCKET/PREFIX*"},
//		{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::BUCKET"}]}
//
// If-Match needs s3:GetObject beside s3:PutObject
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html). Without s3:ListBucket, S3 answers
// 403 for a missing object, and does not tell that the object is missing
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html). Then a node cannot take a lease that was never
// taken before. A fleet that may not keep s3:ListBucket runs once with it for each lease: the object stays from then
// on.
//
// With encryption by a KMS key that the account manages, either as the bucket's default or by
// [WithServerSideEncryption], allow the following on the key. If the key belongs to another account, allow it in the
// key's own policy, too:
//
//	{"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": "arn:aws:kms:REGION:ACCOUNT:key/ID"}
//
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html). An S3 Bucket Key saves up to 99 % of
// the cost of KMS (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html).
//
// # Takeover
//
// A new process takes over an abandoned lease some four seconds after it has run out, without watching it first. S3
// says when an object was written (Last-Modified) and what time it is now (Date), both to the second. The package
// allows for two seconds of difference between the clocks of S3's machines.
//
// Both times must be S3's own. nginx replaces the Date of what it passes on with its own, unless configured otherwise
// (https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_hide_header). If nginx's clock is 20 seconds fast, a
// lease that was just renewed looks 20 seconds old. The clocks of MinIO's machines may differ by minutes: MinIO refuses
// a request only if its time is 15 minutes off (globalMaxSkewTime in
// https://github.com/minio/minio/blob/master/cmd/globals.go). So the package trusts no clock, and a new process watches
// a lease for its length,
//
//   - where the client's user names the endpoint: BaseEndpoint, a resolver, AWS_ENDPOINT_URL, ?endpoint=,
//   - where TLS is turned off,
//   - where a client that the user supplies does not have the method Options of *s3.Client.
//
// [WithAge] or ?age=true trusts the clocks there as well, for example those behind one of Amazon's VPC endpoints.
// [WithoutAge] or ?age=false trusts none.
//
// # Cost
//
// By default a leader writes every 5 s: 518,400 PUT requests and 2.59 USD in 30 days. Each standby reads every 4.8 s:
// some 535,000 GET requests and 0.21 USD. The prices are 0.005 USD for 1,000 PUT requests and 0.0004 USD for 1,000 GET
// requests, in us-east-1 in 2026 (https://aws.amazon.com/s3/pricing/). A lease of a minute costs a quarter of that.
//
// # URL
//
// The URL is s3://bucket or s3://bucket/folder; the latter sets the prefix "folder/". The query may have
//
//   - region, profile (of the shared configuration), role_arn (a role to assume, with role_session_name and
//     external_id),
//   - endpoint (of another server that speaks S3) and path_style=true, which such a server may need if endpoint is a
//     host name,
//   - prefix, for a prefix that is not a folder (instead of a folder in the path),
//   - age=true and age=false: [WithAge], [WithoutAge],
//   - sse and sse_kms_key_id: [WithServerSideEncryption], as --sse and --sse-kms-key-id of the AWS CLI,
//   - expected_bucket_owner: [WithExpectedBucketOwner],
//   - requester_pays=true: [WithRequesterPays].
//
// Settings that the URL does not have come from the sources of the AWS SDK: AWS_REGION, AWS_ENDPOINT_URL, ~/.aws/config
// and so on. The client that Open makes speaks HTTP/1.1: over HTTP/2 all requests share one connection, and a dead
// connection could cost the lease. The client reads credentials again when they are refused. lease.Close closes its
// connections.
package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cloudlease/leader/lease"
)

// API is the part of an S3 client that the package uses. *s3.Client of the AWS SDK implements it.
type API interface {
	GetObject(ctx context.Context, in *s3.GetObjectInput, opts ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(ctx context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, opts ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
}

// New returns a Manager that keeps its leases in the bucket. New never fails and sends nothing: a problem with the
// bucket shows as an error of later calls. The client may retry by itself: its retries end with the context of a call.
func New(client API, bucket string, opts ...Option) lease.Manager {
	return lease.NewManager(NewStore(client, bucket, opts...))
}
