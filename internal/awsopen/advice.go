package awsopen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	signin "github.com/aws/aws-sdk-go-v2/service/signin/types"
	"github.com/aws/smithy-go"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/lease"
)

// Classify returns an error of the SDK that concerns credentials, the account or a KMS key, with what to do about it: a
// lease.MisconfiguredError if it is permanent. It returns nil for any other error, an answer of the store's own service, a
// network error or the end of the context, which the store must judge. The SDK's error may be wrapped in others.
func Classify(ctx context.Context, err error) error {
	switch do, permanent := advice(ctx, err); {
	case permanent:
		return &lease.MisconfiguredError{Err: err, Advice: do}
	case do != "":
		return fmt.Errorf("%w: %s", err, do)
	}
	return nil
}

// advice says what to do about an error of the SDK that concerns credentials, the account or a KMS key, and whether the
// error is permanent until somebody has done that. It is empty for an error that the store must judge.
func advice(ctx context.Context, err error) (do string, permanent bool) {
	r, f := find(ctx, err)
	switch {
	case r.advice != "":
		return r.advice, r.lasting
	case f.from == kms:
		return "AWS KMS cannot use the key that encrypts the data at the moment", false
	case f.from != store:
		return "the AWS credentials cannot be fetched at the moment", false
	}
	return "", false
}

// refused reports whether other credentials may help. Servers other than AWS's have codes of their own for credentials
// that they refuse, but the same status: Cloudflare R2 answers 401 Unauthorized
// (https://developers.cloudflare.com/r2/api/error-codes).
func refused(ctx context.Context, err error) bool {
	r, f := find(ctx, err)
	return r.renew || r == row{} && f.from == store && f.status == http.StatusUnauthorized
}

// find returns the first row that fits, or the zero row, and the facts of the error. There are none about the end of the
// context. A connection that times out by itself returns a context.DeadlineExceeded, too: that to the EC2 metadata service, for example.
func find(ctx context.Context, err error) (row, facts) {
	if err == nil || failure.Ended(ctx, err) {
		return row{}, facts{}
	}
	f := factsOf(err)
	for _, r := range rows {
		if r.fits(f) {
			return r, f
		}
	}
	return row{}, f
}

// Where an error may come from, besides the SDK's names of other services.
const (
	store     = ""
	container = "container" // the endpoint of ECS and EKS that gives credentials
	kms       = "KMS"       // through the store's service
)

// suppliers are the services that supply credentials, by the SDK's names.
var suppliers = []string{"STS", "SSO", "SSO OIDC", signinService, "ec2imds"}

const signinService = "Signin"

// Own reports whether an error comes from the store's service, or on the way to it, and not from a service that supplies
// credentials.
func Own(err error) bool {
	from, _ := origin(err)
	return from == store
}

// origin returns the service that an error comes from, and the error within all operations, which is the cause: the
// store's client may assume a role, for example. Any operation that the store's own contains was to supply credentials. Around
// that, or instead of it, an operation of a service that supplies none is the store's: somebody has wrapped the client,
// or has another implementation of it.
func origin(err error) (from string, cause error) {
	within := false
	for cause = err; ; {
		operation, _ := errors.AsType[*smithy.OperationError](cause)
		if operation == nil {
			break
		}
		switch id := operation.ServiceID; {
		case id == "DynamoDB" || id == "S3":
			from, within = store, true
		case within || slices.Contains(suppliers, id):
			from, within = id, true
		}
		cause = operation.Err
	}
	if _, ok := errors.AsType[*signin.AccessDeniedException](cause); ok { // the SDK drops the operation around it
		from = signinService
	}
	return from, cause
}

// facts are the parts of an error that rows are matched with.
type facts struct {
	from   string
	code   string // of the answer; empty: there was none, or not of AWS's form
	status int    // of the answer; 0: there was none
	text   string // of the cause alone: what is around an operation is there whatever its failure, "refresh cached SSO token failed" for example
}

func factsOf(err error) facts {
	from, cause := origin(err)
	f := facts{from: from, text: cause.Error()}
	if answer, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](cause); ok {
		f.status = answer.HTTPStatusCode()
	}
	api, ok := errors.AsType[smithy.APIError](cause)
	if !ok {
		return f
	}
	f.code = api.ErrorCode()
	if denied, ok := errors.AsType[*signin.AccessDeniedException](cause); ok && denied.Error_ != "" {
		f.code = string(denied.Error_) // some of these are temporary
	}
	if skewed.MatchString(api.ErrorMessage()) {
		f.code = "RequestExpired"
	}
	if _, ok := api.(interface{ HTTPStatusCode() int }); ok && f.from == store { // only the container endpoint's error has both
		f.from = container
	}
	if code := kmsCode(f.code, api.ErrorMessage()); code != "" && f.from == store {
		f.from, f.code = kms, code
	}
	return f
}

// skewed matches the message about a valid signature of another time: "Signature expired: 20260101T000000Z is now
// earlier than ..." (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html)
var skewed = regexp.MustCompile(`^Signature (expired|not yet current)`)

// denied matches KMS's message about a missing permission.
var denied = regexp.MustCompile(`not authorized to perform: kms:`)

// fromKMS matches the beginning of DynamoDB's message when it repeats an answer of KMS: "KMS key disabled error:
// com.amazonaws.services.kms.model.DisabledException: arn:... is disabled."
var fromKMS = regexp.MustCompile(`^KMS [a-z ]+ error.*?: com\.amazonaws\.services\.kms\.model\.([A-Za-z]+)`)

// kmsCode returns KMS's code in another service's answer; empty if there is none. S3 answers KMS.DisabledException.
func kmsCode(code, message string) string {
	if inner, ok := strings.CutPrefix(code, "KMS."); ok {
		return inner
	}
	if denied.MatchString(message) {
		return "AccessDeniedException"
	}
	if m := fromKMS.FindStringSubmatch(message); m != nil {
		return m[1]
	}
	return ""
}

func (r row) fits(f facts) bool {
	switch {
	case r.text != "":
		return f.code == "" && strings.Contains(f.text, r.text)
	case r.status != 0:
		return r.from == f.from && r.status == f.status
	}
	return r.from == f.from && r.code == f.code
}
