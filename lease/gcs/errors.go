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

// What to do about what will not mend itself.
const (
	badCredentials = "the credentials are missing, expired or revoked: attach a service account to the machine, or renew " +
		"them (your own: gcloud auth application-default login)"
	noScope       = "the machine's access scopes leave out writing to Cloud Storage: give it the scope cloud-platform"
	noBilling     = "the bucket's project has no billing account that is open: link one"
	noAPI         = "enable the Cloud Storage API in the credentials' project: gcloud services enable storage.googleapis.com"
	retained      = "a retention policy keeps the record from being overwritten: name a bucket without one"
	onHold        = "a hold keeps the record from being overwritten: release it, and turn off the bucket's default event-based hold"
	badBucket     = "that is no bucket's name: name it as the console shows it, without gs://"
	requesterPays = "the bucket bills whoever asks (requester pays): name one that does not"
	againstPolicy = "an organization policy forbids it: name a bucket that complies, or have the policy changed"
	badKey        = "the bucket's encryption key cannot be used: enable it, and let the project's Cloud Storage service agent use it"
)

// orgPolicy is a 412 that is no conflict.
const orgPolicy = "orgPolicyConstraintFailed"

// advices has what to do, by the service's reason in lower case: its two interfaces differ in the first letter. Empty: it
// may pass. A reason that is not here is judged by the status.
//
//   - https://cloud.google.com/storage/docs/json_api/v1/status-codes
//   - https://cloud.google.com/storage/docs/xml-api/reference-status
var advices = map[string]string{
	"expiredtoken":                      badCredentials,
	"insufficientpermissions":           noScope,
	"accountdisabled":                   noBilling,
	"accountproblem":                    noBilling,
	"userprojectaccountproblem":         noBilling,
	"accessnotconfigured":               noAPI,
	"usagelimits.accessnotconfigured":   noAPI,
	"retentionpolicynotmet":             retained,
	"objectunderactivehold":             onHold,
	"invalidbucketname":                 badBucket,
	"userprojectmissing":                requesterPays,
	strings.ToLower(orgPolicy):          againstPolicy,
	"cloudkmsbadkey":                    badKey,
	"cloudkmsdisabledkey":               badKey,
	"cloudkmsdecryptionkeynotfound":     badKey,
	"cloudkmsencryptionkeynotfound":     badKey,
	"cloudkmskeylocationnotallowed":     badKey,
	"ratelimitexceeded":                 "",
	"userratelimitexceeded":             "",
	"usagelimits.ratelimitexceeded":     "",
	"usagelimits.userratelimitexceeded": "",
	"quotaexceeded":                     "",
}

// explain says what was tried, marks what will not mend itself, and says what to do about it.
func (s *Store) explain(ctx context.Context, tried string, err error) error {
	code, reason := answer(err)
	if advice := s.advice(code, reason, err); advice != "" {
		return fmt.Errorf("%w: %s: %w: %s", lease.ErrMisconfigured, tried, err, advice)
	}
	if cause := context.Cause(ctx); cause != nil && code == 0 && !errors.Is(err, cause) {
		return fmt.Errorf("%s: %w: %w", tried, cause, err)
	}
	return fmt.Errorf("%s: %w", tried, err)
}

// answer returns the status and the reason of the service's answer that is an error; 0: there was none. Objects are
// written and listed by the JSON interface, and read by the XML one, which calls the reason a code.
func answer(err error) (code int, reason string) {
	var e *googleapi.Error
	if !errors.As(err, &e) {
		return 0, ""
	}
	if len(e.Errors) == 0 {
		var body struct{ Code string }
		_ = xml.Unmarshal([]byte(e.Body), &body)
		return e.Code, body.Code
	}
	reason = e.Errors[0].Reason
	switch { // which may be no more than "invalid" or "required"
	case e.Code == http.StatusBadRequest && strings.HasPrefix(e.Message, "Invalid bucket name"):
		reason = "invalidBucketName"
	case e.Code == http.StatusBadRequest && strings.Contains(e.Message, "requester pays"):
		reason = "userProjectMissing"
	}
	return e.Code, reason
}

// advice says what to do about an error that will not mend itself; empty: it may. What failed on the way to the service
// is not of the kind.
func (s *Store) advice(code int, reason string, err error) string {
	if advice, known := advices[strings.ToLower(reason)]; known {
		return advice
	}
	switch {
	case code == 0 && unauthenticated(err), code == http.StatusUnauthorized:
		return badCredentials
	case code == http.StatusForbidden:
		return fmt.Sprintf("grant the credentials the role Storage Object User on the bucket: gcloud storage buckets "+
			"add-iam-policy-binding gs://%s --member=... --role=roles/storage.objectUser", s.bucket)
	case code == http.StatusNotFound && !errors.Is(err, storage.ErrObjectNotExist): // that is a generation that is gone
		return fmt.Sprintf("there is no such bucket: create it with gcloud storage buckets create gs://%s, or name another", s.bucket)
	}
	return ""
}

// unauthenticated tells whether there were no credentials to send.
func unauthenticated(err error) bool {
	var none metadata.NotDefinedError // the machine has no service account
	if errors.As(err, &none) {
		return true
	}
	var refused *auth.Error // by whoever gives out tokens
	return errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode/100 == 4 && !refused.Temporary()
}

// noClient explains why NewClient made no client: it reads files and variables, so it is the credentials.
func noClient(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return fmt.Errorf("%w: %w: %s", lease.ErrMisconfigured, err, badCredentials)
}
