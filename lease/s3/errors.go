package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cloudlease/leader/lease"
)

const noSuchKey = "NoSuchKey"

// isConflict tells whether a Swap from the version was refused because the object is not of that version.
func isConflict(err error, old lease.Version) bool {
	switch statusOf(err) {
	case http.StatusPreconditionFailed:
		return true
	case http.StatusConflict: // ConditionalRequestConflict: another write of the same moment won
		return true
	}
	return old != "" && codeOf(err) == noSuchKey
}

const (
	keys   = "check the credentials that the AWS SDK finds (aws sts get-caller-identity shows whose they are)"
	region = "name the bucket's own region, in AWS_REGION or as ?region= in the URL (aws s3api head-bucket shows it)"
	server = "the server, or what the endpoint names, does not do what S3 does: name another, or update it"
	locked = "use a bucket, or a prefix, without Object Lock and lifecycle rules"
	access = "allow s3:GetObject and s3:PutObject on the objects, and s3:ListBucket on the bucket: " +
		"without that, S3 answers so for a lease that was never taken"
)

// advice has what to do about an answer that will not mend itself, by its code
// (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList).
var advice = map[string]string{
	"NoSuchBucket":                 "create the bucket, or name another",
	"InvalidBucketName":            "name a bucket that can exist",
	"AccessDenied":                 access,
	"Forbidden":                    access,
	"AllAccessDisabled":            access,
	"AccountProblem":               "see AWS Support about the account",
	"InvalidAccessKeyId":           keys,
	"SignatureDoesNotMatch":        keys,
	"ExpiredToken":                 keys,
	"InvalidToken":                 keys,
	"TokenRefreshRequired":         keys,
	"PermanentRedirect":            region,
	"AuthorizationHeaderMalformed": region,
	"MethodNotAllowed":             server,
	"NotImplemented":               server,
	"InvalidObjectState":           locked,
	"InvalidRequest":               locked,
}

// adviceFor is the same by the status, for answers whose code is another.
var adviceFor = map[int]string{
	http.StatusMovedPermanently: region,
	http.StatusUnauthorized:     keys,
	http.StatusMethodNotAllowed: server,
	http.StatusNotImplemented:   server,
}

// diagnose marks what will not mend itself, and says what to do about it. What the network does, and the end of a
// context, are not of the kind, nor is throttling.
func (s *Store) diagnose(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	do := cmp.Or(advice[codeOf(err)], adviceFor[statusOf(err)], adviceUnsent(err))
	if do == "" {
		return err
	}
	return fmt.Errorf("%w: bucket %q: %w: %s", lease.ErrMisconfigured, s.bucket, err, do)
}

// adviceUnsent is what to do about a request that the SDK could not make. For most of these it has no types, but texts.
func adviceUnsent(err error) string {
	var empty *credentials.StaticCredentialsEmptyError
	switch text := err.Error(); {
	case errors.As(err, &empty), strings.Contains(text, "no EC2 IMDS role found"):
		// The last place where the SDK looks: there are none in the environment, in files, or of a role.
		return "give this process credentials: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html"
	case strings.Contains(text, "endpoint rule error"):
		return "check the bucket's name, the region and the endpoint"
	}
	return ""
}

func codeOf(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

func statusOf(err error) int {
	if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return resp.HTTPStatusCode()
	}
	return 0
}
