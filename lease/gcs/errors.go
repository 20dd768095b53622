package gcs

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/compute/metadata"
	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"

	"github.com/cloudlease/leader/lease"
)

// explain says what was tried, marks what will not mend itself, and says what to do about it. Whatever the service may
// answer otherwise later is not of the kind, nor is any failure on the way to it.
func (s *Store) explain(ctx context.Context, tried string, err error) error {
	code, reason := answer(err)
	if advice := s.advice(code, reason, err); advice != "" {
		return fmt.Errorf("%w: %s: %w: %s", lease.ErrMisconfigured, tried, err, advice)
	}
	if cause := context.Cause(ctx); cause != nil && code == 0 {
		return fmt.Errorf("%s: %w: %w", tried, cause, err)
	}
	return fmt.Errorf("%s: %w", tried, err)
}

// answer returns the status and the reason of the service's answer that is an error; 0: there was none. Objects are
// written and listed by the JSON interface, and read by the XML one, which answers in XML and calls the reason a code.
func answer(err error) (code int, reason string) {
	var e *googleapi.Error
	if !errors.As(err, &e) {
		return 0, ""
	}
	if len(e.Errors) > 0 {
		return e.Code, e.Errors[0].Reason
	}
	var body struct{ Code string }
	_ = xml.Unmarshal([]byte(e.Body), &body)
	return e.Code, body.Code
}

// orgPolicy is a 412 that is no conflict.
const orgPolicy = "orgPolicyConstraintFailed"

// reasons has what to do, by the reason in lower case: the two interfaces differ in the first letter. See
// https://cloud.google.com/storage/docs/json_api/v1/status-codes and
// https://cloud.google.com/storage/docs/xml-api/reference-status. Empty: it may pass.
var reasons = map[string]string{
	"retentionpolicynotmet":           "a retention policy keeps the record from being overwritten: name a bucket without one",
	"objectunderactivehold":           "a hold keeps the record from being overwritten: release it, and turn the bucket's default event-based hold off",
	"accountdisabled":                 "the project's billing account is missing or disabled: link one that is open to it",
	"accountproblem":                  "the project's billing account is missing or disabled: link one that is open to it",
	"userprojectaccountproblem":       "the project's billing account is missing or disabled: link one that is open to it",
	"usagelimits.accessnotconfigured": "enable the Cloud Storage API in the credentials' project: gcloud services enable storage.googleapis.com",
	"accessnotconfigured":             "enable the Cloud Storage API in the credentials' project: gcloud services enable storage.googleapis.com",
	"insufficientpermissions":         "the credentials' access scopes leave out writing to Cloud Storage: give the machine the scope cloud-platform, and restrict it by roles",
	"userprojectmissing":              "the bucket bills whoever asks (requester pays): name one that does not",
	"invalidbucketname":               "it is no valid bucket name: name the bucket as the console shows it, without gs://",
	"orgpolicyconstraintfailed":       "an organization policy forbids such objects: name a bucket that complies, or have the policy changed",
	"expiredtoken":                    badCredentials,
	"ratelimitexceeded":               "",
	"userratelimitexceeded":           "",
	"usagelimits.ratelimitexceeded":   "",
	"quotaexceeded":                   "",
}

const badCredentials = "the credentials are missing, expired or revoked: renew them (on your own machine: gcloud auth " +
	"application-default login), or attach a service account to the machine"

// advice says what to do about an error that will not mend itself; empty: it may.
func (s *Store) advice(code int, reason string, err error) string {
	reason = strings.ToLower(reason)
	if advice, known := reasons[reason]; known {
		return advice
	}
	switch {
	case code == 0:
		return credentialAdvice(err)
	case code == http.StatusUnauthorized:
		return badCredentials
	case code == http.StatusForbidden:
		return fmt.Sprintf("grant these credentials the role roles/storage.objectUser on the bucket: gcloud storage buckets "+
			"add-iam-policy-binding gs://%s --member=... --role=roles/storage.objectUser", s.bucket)
	case code == http.StatusNotFound && !errors.Is(err, storage.ErrObjectNotExist): // which a read says of a generation that was replaced meanwhile
		return fmt.Sprintf("there is no such bucket: create it with gcloud storage buckets create gs://%s, or name another", s.bucket)
	case strings.HasPrefix(reason, "cloudkms"):
		return "the bucket's encryption key cannot be used: enable it, and let the project's Cloud Storage service agent use it"
	case code == http.StatusBadRequest && strings.Contains(strings.ToLower(err.Error()), "bucket name"): // the JSON interface's reason is only "invalid"
		return reasons["invalidbucketname"]
	case code == http.StatusBadRequest && strings.Contains(err.Error(), "requester pays"): // likewise, "required"
		return reasons["userprojectmissing"]
	}
	return ""
}

// credentialAdvice is advice for what never reached the service, as there were no credentials to send.
func credentialAdvice(err error) string {
	var refused *auth.Error // by whoever gives out tokens
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode/100 == 4 && !refused.Temporary() {
		return badCredentials
	}
	var none metadata.NotDefinedError // the machine has no service account
	if errors.As(err, &none) {
		return badCredentials
	}
	return ""
}

// noClient explains why NewClient made no client: it reads files and variables, so but for ctx it is the credentials.
func noClient(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return fmt.Errorf("%w: %w: %s", lease.ErrMisconfigured, err, badCredentials)
}
