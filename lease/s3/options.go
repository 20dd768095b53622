package s3

import (
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// An Option changes a Store. With a nil one, every call returns a lease.ErrMisconfigured.
type Option func(*Store)

// WithPrefix puts the prefix before all keys: "leases/", for example. A prefix is at most 255 bytes of UTF-8 without
// control characters. It is used as it is, so a folder's name must end in a slash. The default is none.
func WithPrefix(prefix string) Option { return func(s *Store) { s.prefix = prefix } }

// WithAge computes how old a lease is from an answer's Date and Last-Modified, even where the client's user named the
// endpoint or turned TLS off, and where the client does not show its options. Use it only with a server whose machines
// agree on the time within two seconds, and only if no proxy on the way changes the Date. The package comment says more.
func WithAge() Option { return func(s *Store) { s.aged = true } }

// WithoutAge ignores the times in answers: a process that has just started watches a lease for its length before it
// takes over the lease.
func WithoutAge() Option { return func(s *Store) { s.aged = false } }

// WithServerSideEncryption makes S3 encrypt what is written, with its own keys ("AES256") or with KMS ("aws:kms", or
// "aws:kms:dsse" for two layers). keyID is the ID, ARN or alias of the KMS key; empty: the account's own, aws/s3.
// Without the option, S3 uses the bucket's default encryption
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-bucket-encryption.html). So use the option for a
// bucket whose policy refuses writes that do not ask for encryption.
func WithServerSideEncryption(kind types.ServerSideEncryption, keyID string) Option {
	return func(s *Store) { s.encryption, s.encryptionKey = kind, keyID }
}

// WithExpectedBucketOwner makes S3 refuse every request if the bucket does not belong to the AWS account, twelve digits
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html). Use it if others might delete
// the bucket and create one of the same name.
func WithExpectedBucketOwner(account string) Option { return func(s *Store) { s.owner = &account } }

// WithRequesterPays agrees to pay for the requests to a bucket whose owner does not
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/RequesterPaysBuckets.html). Such a bucket refuses requests
// without this.
func WithRequesterPays() Option {
	return func(s *Store) { s.payer = types.RequestPayerRequester }
}

var (
	encryptions = []types.ServerSideEncryption{"", types.ServerSideEncryptionAes256, types.ServerSideEncryptionAwsKms, types.ServerSideEncryptionAwsKmsDsse}
	accountID   = regexp.MustCompile(`^[0-9]{12}$`)
)

// wrongOption says what is wrong with the values of the options above; empty: nothing.
func (s *Store) wrongOption() string {
	switch {
	case !slices.Contains(encryptions, s.encryption):
		return "the server-side encryption is AES256, aws:kms or aws:kms:dsse"
	case s.encryptionKey != "" && (s.encryption == "" || s.encryption == types.ServerSideEncryptionAes256):
		return "a key of KMS goes with the server-side encryption aws:kms"
	case s.owner != nil && !accountID.MatchString(*s.owner):
		return "the expected bucket owner is the ID of an AWS account, twelve digits"
	}
	return ""
}
