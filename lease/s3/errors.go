package s3

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"

	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cloudlease/leader/internal/awsopen"
	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/internal/foreign"
	"github.com/cloudlease/leader/lease"
)

const (
	another = "create the bucket, or name another"
	account = "see AWS Support, or https://console.aws.amazon.com, about the account"
	keys    = "check the credentials that the AWS SDK finds (aws sts get-caller-identity shows whose they are)"
	region  = "name the bucket's own region, in AWS_REGION or as ?region= in the URL (aws s3api head-bucket shows it)"
	server  = "name another endpoint, or update the server: it does not work as S3 does"
	locked  = "use a bucket, or a prefix, without Object Lock and lifecycle rules, and objects without keys of the client (SSE-C)"
	asked   = "correct the options or the URL about encryption, the bucket's owner and who pays"
	noRoom  = "use other names or prefixes, of which none is below another, and no fleet (its seats are below its lease): this server has " +
		"no room below an object"
	access = "allow s3:GetObject and s3:PutObject on the objects, and s3:ListBucket on the bucket: " +
		"without that, S3 answers so for a lease that was never taken"
	keyUse = "allow kms:GenerateDataKey and kms:Decrypt on the KMS key that encrypts the objects, in the key's own policy, too"
)

// advice says what to do about an answer of S3 that is permanent, by its code
// (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList). Package awsopen has the codes
// about credentials and KMS keys. Codes in neither are temporary: SlowDown, ServiceUnavailable, InternalError,
// RequestTimeout, OperationAborted.
var advice = map[string]string{
	"NoSuchBucket":                       another,
	"InvalidBucketName":                  another,
	"InvalidAccessPoint":                 another,
	"InvalidAccessPointAliasError":       another,
	"AccountProblem":                     account,
	"AllAccessDisabled":                  account,
	"InvalidPayer":                       account,
	"UnauthorizedAccess":                 account, // a region of China
	"AccessDenied":                       access,
	"Forbidden":                          access, // of other servers
	"CredentialsNotSupported":            keys,
	"MissingSecurityHeader":              keys,
	"Unauthorized":                       keys, // of other servers
	"AuthorizationHeaderMalformed":       region,
	"EndpointNotFound":                   region,
	"IllegalLocationConstraintException": region,
	"PermanentRedirect":                  region,
	"MethodNotAllowed":                   server,
	"NotImplemented":                     server,
	"ExistingObjectIsDirectory":          noRoom, // of SeaweedFS, as is the next (weed/s3api/s3err/s3api_errors.go)
	"ExistingObjectIsFile":               noRoom,
	"XMinioObjectExistsAsDirectory":      noRoom, // of MinIO, as is the next (cmd/api-errors.go)
	"XMinioParentIsObject":               noRoom,
	"InvalidObjectState":                 locked,
	"InvalidRequest":                     locked,
	"InvalidArgument":                    asked,
	"InvalidEncryptionAlgorithmError":    asked,
}

// adviceFor says the same by the status, for answers of S3 whose code is not in advice.
var adviceFor = map[int]string{
	http.StatusMovedPermanently: region,
	http.StatusUnauthorized:     keys,
	http.StatusMethodNotAllowed: server,
	http.StatusNotImplemented:   server,
}

// classify returns what an error of the SDK means: a lease.MisconfiguredError if it is permanent. These are not permanent:
// network errors, the end of a context, throttling, and answers of something other than S3.
func (s *Store) classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return failure.WithCause(ctx, err)
	}
	if status := statusOf(err); awsopen.Own(err) && 300 <= status && status < 500 && s.codeOf(err) == "" {
		return &foreign.Error{Service: "S3", Why: "it has no error code in XML, or no request ID", Err: err}
	}
	if known := awsopen.Classify(ctx, err); known != nil {
		return known
	}
	if do := s.adviceOn(err); do != "" {
		return &lease.MisconfiguredError{Err: err, Advice: do}
	}
	return err
}

// aRegion matches what looks like a region's name.
var aRegion = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)

// adviceOn returns what to do about a permanent error of S3; empty if it is not permanent.
func (s *Store) adviceOn(err error) string {
	code := s.codeOf(err)
	if code == "" {
		if strings.Contains(err.Error(), "endpoint rule error") { // the SDK has no type for it
			return "check the bucket's name, the region and the endpoint"
		}
		return ""
	}
	do := cmp.Or(advice[code], adviceFor[statusOf(err)])
	switch do {
	case region:
		if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && resp.Response != nil {
			if own := resp.Response.Header.Get("X-Amz-Bucket-Region"); aRegion.MatchString(own) {
				return "name the bucket's own region, " + own + ", in AWS_REGION or as ?region= in the URL"
			}
		}
	case access:
		switch {
		case strings.Contains(err.Error(), "ciphertext refers to"): // https://repost.aws/knowledge-center/s3-403-forbidden-error
			return keyUse
		case s.owner != nil:
			return access + "; or the bucket is not of the account that is expected to own it"
		}
	}
	return do
}
