package s3

import (
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// An Option changes a Store.
type Option func(*Store)

// WithPrefix puts all keys behind a prefix, "leases/" say: at most 255 bytes of UTF-8 without control characters. It is
// used as it is, so a folder's name ends in a slash. The default is none.
func WithPrefix(prefix string) Option { return func(s *Store) { s.prefix = prefix } }

// WithAge has an answer's Date and Last-Modified tell how old a lease is also where the endpoint is one that the client's
// user named, and where the client does not show its options. Say so only of a server whose machines agree on the time
// within two seconds, and of whose answers nothing on the way changes the Date; the package comment has more on it.
func WithAge() Option { return func(s *Store) { s.aged = true } }

// WithoutAge has nothing tell how old a lease is: a process that has just started watches a lease for its length before
// it takes it over.
func WithoutAge() Option { return func(s *Store) { s.aged = false } }

// WithServerSideEncryption has S3 encrypt what is written: with keys of its own ("AES256"), or with keys of KMS ("aws:kms",
// or "aws:kms:dsse" for two layers), by the ID, ARN or alias of one of them; empty: the account's own, aws/s3. Without the option,
// it does as the bucket's default encryption says (https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-bucket-encryption.html),
// so the option is for a bucket whose policy refuses writes that do not ask for it.
func WithServerSideEncryption(kind types.ServerSideEncryption, keyID string) Option {
	return func(s *Store) { s.encryption, s.encryptionKey = kind, keyID }
}

// WithExpectedBucketOwner has S3 refuse every request if the bucket is not of the AWS account, twelve digits
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html): for whoever names a bucket that
// others might delete, and take the name of.
func WithExpectedBucketOwner(account string) Option { return func(s *Store) { s.owner = &account } }

// WithRequesterPays agrees to pay for the requests to a bucket whose owner does not
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/RequesterPaysBuckets.html), which refuses all others.
func WithRequesterPays() Option {
	return func(s *Store) { s.payer = types.RequestPayerRequester }
}

var (
	encryptions = []types.ServerSideEncryption{"", types.ServerSideEncryptionAes256, types.ServerSideEncryptionAwsKms, types.ServerSideEncryptionAwsKmsDsse}
	accountID   = regexp.MustCompile(`^[0-9]{12}$`)
)

// wrongOption says what is wrong with what the options above were given; empty: nothing.
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
