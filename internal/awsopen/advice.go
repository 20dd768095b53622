package awsopen

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/cloudlease/leader/lease"
)

// Classify returns an error of the SDK that concerns credentials, the account or a KMS key, with what to do about it: a
// lease.MisconfiguredError if it is permanent. It returns nil for any other error, an answer of the store's own service or a
// network error, which the store must judge. The SDK's error may be wrapped in others.
func Classify(err error) error {
	switch do, permanent := advice(err); {
	case permanent:
		return &lease.MisconfiguredError{Err: err, Advice: do}
	case do != "":
		return fmt.Errorf("%w: %s", err, do)
	}
	return nil
}

// advice says what to do about an error of the SDK that concerns credentials, the account or a KMS key, and whether the
// error is permanent until somebody has done that. It is empty for an error that the store must judge.
func advice(err error) (do string, permanent bool) {
	r, from := find(err)
	switch {
	case r.advice != "":
		return r.advice, r.lasting
	case from == kms:
		return "AWS KMS cannot use the key that encrypts the data at the moment", false
	case from != store:
		return "the AWS credentials cannot be fetched at the moment", false
	}
	return "", false
}

// refused reports whether other credentials may help.
func refused(err error) bool {
	r, _ := find(err)
	return r.renew
}

// find returns the first row that fits, or the zero row, and where the error comes from.
func find(err error) (row, string) {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return row{}, store
	}
	f := factsOf(err)
	for _, r := range rows {
		if r.fits(f) {
			return r, f.from
		}
	}
	return row{}, f.from
}

// Where an error may come from, besides the SDK's names of other services.
const (
	store     = ""
	container = "container" // the endpoint of ECS and EKS that gives credentials
	kms       = "KMS"       // through the store's service
)

// facts are the parts of an error that rows are matched with.
type facts struct {
	from   string
	code   string // of the answer; empty: there was none, or not of AWS's form
	status int    // of the answer; 0: there was none
	text   string
}

func factsOf(err error) facts {
	f := facts{text: err.Error()}
	cause := err
	for {
		operation, _ := errors.AsType[*smithy.OperationError](cause)
		if operation == nil {
			break
		}
		f.from, cause = operation.ServiceID, operation.Err // the innermost is the cause: for example, the store's client assumes a role
	}
	if f.from == "DynamoDB" || f.from == "S3" {
		f.from = store
	}
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
