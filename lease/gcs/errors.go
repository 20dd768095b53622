package gcs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/compute/metadata"
	"cloud.google.com/go/storage"
	"golang.org/x/oauth2"

	"github.com/cloudlease/leader/internal/redact"
	"github.com/cloudlease/leader/lease"
)

// What to do about permanent errors.
const (
	badCredentials = "the credentials are missing, expired or revoked: attach a service account to the machine, or renew " +
		"them (your own: gcloud auth application-default login)"
	wrongClock = "the machine's clock is wrong, so that what it signs is refused: set it"
	noAccount  = "the machine has no service account: attach one (Compute Engine: gcloud compute instances set-service-account; " +
		"GKE: let the Pod's Kubernetes service account use one)"
	mayNotImpersonate = "the credentials may not act as the service account: grant them the role Service Account Token Creator on it, " +
		"or, in GKE, Workload Identity User, and see that it exists and is not disabled"
	noScope       = "the machine's access scopes leave out writing to Cloud Storage: give it the scope cloud-platform"
	noBilling     = "the project that is billed, the bucket's or the user project, has no billing account that is open: link one"
	noAPI         = "enable the Cloud Storage API in the credentials' project: gcloud services enable storage.googleapis.com"
	retained      = "a retention policy keeps the record from being overwritten: name a bucket without one"
	onHold        = "a hold keeps the record from being overwritten: release it, and turn off the bucket's default event-based hold"
	badBucket     = "that is no bucket's name: name it as the console shows it, without gs://"
	requesterPays = "the bucket bills whoever asks (requester pays): name the project to bill with gcs.WithUserProject or " +
		"?user_project=, or name a bucket that does not"
	badUserProject = "the user project cannot be billed: name another with gcs.WithUserProject or ?user_project=, and grant the " +
		"credentials the role Service Usage Consumer on it"
	againstPolicy = "an organization policy forbids it: name a bucket that complies, or have the policy changed"
	perimeter     = "an organization's policy, such as a service perimeter, forbids it: run inside of it, or have it changed; the audit log names the rule"
	badKey        = "the Cloud KMS key that encrypts the record cannot be used: enable or restore its version, or give the bucket " +
		"another key of its own location (gcloud storage buckets update --default-encryption-key)"
	mayNotUseKey = "the Cloud Storage service agent of the bucket's project may not use the Cloud KMS key: grant it, and not the program's own account, " +
		"the role Cloud KMS CryptoKey Encrypter/Decrypter (gcloud storage service-agent --authorize-cmek=KEY)"
	ownKey = "the record is encrypted with somebody's own key, which leases do not have: move it away while nobody runs"
)

// orgPolicy is the reason of a 412 that is no conflict.
const orgPolicy = "orgpolicyconstraintfailed"

// advices says what to do, by the service's reason in lower case, as the pages below list them. Empty: the error is
// temporary. For any other reason, the message decides, and then the status.
//
//   - https://cloud.google.com/storage/docs/json_api/v1/status-codes
//   - https://cloud.google.com/storage/docs/xml-api/reference-status
//   - https://cloud.google.com/storage/docs/gcs429: SlowDown
//   - https://pkg.go.dev/google.golang.org/genproto/googleapis/rpc/code: the reasons of Google's front end
var advices = map[string]string{
	"expiredtoken":                                 badCredentials,
	"unauthenticated":                              badCredentials,
	"insufficientpermissions":                      noScope,
	"accountdisabled":                              noBilling,
	"accountproblem":                               noBilling,
	"userprojectaccountproblem":                    noBilling,
	"accessnotconfigured":                          noAPI,
	"usagelimits.accessnotconfigured":              noAPI,
	"retentionpolicynotmet":                        retained,
	"objectunderactivehold":                        onHold,
	"invalidbucketname":                            badBucket,
	"userprojectmissing":                           requesterPays,
	"authenticationrequiredrequesterpays":          requesterPays,
	"userprojectinvalid":                           badUserProject,
	"userprojectinconsistent":                      badUserProject,
	"userprojectaccessdenied":                      badUserProject,
	orgPolicy:                                      againstPolicy,
	"cloudkmsbadkey":                               badKey,
	"cloudkmsdisabledkey":                          badKey, // "disabled, destroyed, or scheduled to be destroyed"
	"cloudkmsdecryptionkeynotfound":                badKey,
	"cloudkmsencryptionkeynotfound":                badKey,
	"cloudkmskeylocationnotallowed":                badKey,
	"resourceisencryptedwithcustomerencryptionkey": ownKey,
	"ratelimitexceeded":                            "",
	"userratelimitexceeded":                        "",
	"usagelimits.ratelimitexceeded":                "",
	"usagelimits.userratelimitexceeded":            "",
	"quotaexceeded":                                "",
	"slowdown":                                     "",
	"resource_exhausted":                           "",
}

// saidOf says what to do by words of the message, for reasons as vague as "forbidden", "invalid" or "required".
var saidOf = []struct {
	status        int
	words, advice string
}{
	{http.StatusBadRequest, "Invalid bucket name", badBucket},
	// https://cloud.google.com/storage/docs/requester-pays#requirements
	{http.StatusBadRequest, "requester pays", requesterPays},
	{http.StatusForbidden, "serviceusage.services.use", badUserProject},
	// https://github.com/googleapis/python-storage/issues/1456
	{http.StatusForbidden, "billing account", noBilling},
	// https://cloud.google.com/storage/docs/encryption/customer-managed-keys#service-agents
	{http.StatusForbidden, "Cloud KMS key", mayNotUseKey},
	{http.StatusForbidden, "cloudkms.cryptoKeyVersions", mayNotUseKey},
	{http.StatusBadRequest, "Cloud KMS key", badKey},
	// https://cloud.google.com/vpc-service-controls/docs/troubleshooting
	{http.StatusForbidden, "prohibited by organization's policy", perimeter},
	// https://cloud.google.com/resource-manager/docs/organization-restrictions/error-messages
	{http.StatusForbidden, "organization restriction", perimeter},
	{http.StatusForbidden, "has not been used in project", noAPI},
	{http.StatusForbidden, "insufficient authentication scopes", noScope},
}

// advice says what to do about a permanent error; empty: it is temporary. Failures on the way to the service, and
// answers that are not the service's own, are temporary.
func (s *Store) advice(r refusal, err error) string {
	if r.code == 0 {
		return credentialsRefused(err)
	}
	if advice, known := advices[r.reason]; known {
		return advice
	}
	for _, said := range saidOf {
		if r.code == said.status && strings.Contains(r.message, said.words) {
			return said.advice
		}
	}
	switch {
	case r.code == http.StatusUnauthorized:
		return badCredentials
	case r.code == http.StatusForbidden:
		return fmt.Sprintf("grant the credentials the role Storage Object User on the bucket: gcloud storage buckets "+
			"add-iam-policy-binding gs://%s --member=... --role=roles/storage.objectUser", s.bucket)
	case r.code == http.StatusNotFound && !errors.Is(err, storage.ErrObjectNotExist): // about a missing generation
		return s.noBucket()
	}
	return ""
}

func (s *Store) noBucket() string {
	return fmt.Sprintf("there is no such bucket: create it with gcloud storage buckets create gs://%s, or name another", s.bucket)
}

// statusIn finds the status of an answer in an error's text, where Google's library has it alone: when a token is
// exchanged or is to impersonate another account (cloud.google.com/go/auth, credentials).
var statusIn = regexp.MustCompile(`\b(credentials|impersonate): status code ([0-9]{3}): (.*)`)

// credentialsRefused says what to do if no access token can be had, permanently; empty: the error is temporary, or
// about something else.
//
//   - https://cloud.google.com/compute/docs/metadata/querying-metadata#statuscodes: 404, 403 and 400 stay; 429, 500 and 503 pass
//   - https://datatracker.ietf.org/doc/html/rfc6749#section-5.2: a token endpoint refuses with 400 or 401 and JSON
//   - https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token, and
//     https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
func credentialsRefused(err error) string {
	var undefined metadata.NotDefinedError
	if errors.As(err, &undefined) {
		return noAccount
	}
	if e, ok := errors.AsType[*metadata.Error](err); ok {
		switch {
		case !stays(e.Code):
			return ""
		case e.Code == http.StatusForbidden: // GKE: "Unable to generate access token; IAM returned 403 Forbidden"
			return mayNotImpersonate
		}
		return noAccount
	}
	if e, ok := errors.AsType[*auth.Error](err); ok && e.Response != nil {
		return tokenRefused(e.Response.StatusCode, e.Body)
	}
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok && e.Response != nil {
		return tokenRefused(e.Response.StatusCode, e.Body)
	}
	if err != nil {
		if said := statusIn.FindStringSubmatch(err.Error()); said != nil {
			status, _ := strconv.Atoi(said[2])
			return tokenRefused(status, []byte(said[3]))
		}
	}
	return ""
}

// tokenRefused says what to do about an error answer of a token service.
func tokenRefused(status int, body []byte) string {
	text := string(body)
	switch {
	case !stays(status), !strings.HasPrefix(strings.TrimSpace(text), "{"): // an HTML page comes from something else
		return ""
	case strings.Contains(text, "reasonable timeframe"): // "Token must be a short-lived token (60 minutes) and in a reasonable timeframe"
		return wrongClock
	case strings.Contains(text, "PERMISSION_DENIED"), strings.Contains(text, "Gaia id"): // "Gaia id not found for email": the account does not exist
		return mayNotImpersonate
	}
	return badCredentials
}

// stays reports whether a status is permanent.
func stays(status int) bool {
	return status/100 == 4 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests
}

// hideURL removes possible secrets from the URL in an error of net/http: the emulator's URL may have a password, and a
// client with an API key adds the key to the URL.
func hideURL(err error) {
	if e, ok := errors.AsType[*url.Error](err); ok {
		e.URL = redact.Text(e.URL)
	}
}

// noClient explains why NewClient, which reads files and variables, made no client.
func noClient(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	hideURL(err)
	if e, ok := errors.AsType[*url.Error](err); ok && e.Op == "parse" && os.Getenv("STORAGE_EMULATOR_HOST") != "" {
		return fmt.Errorf("%w: STORAGE_EMULATOR_HOST is no host:port and no http://host:port", lease.ErrMisconfigured)
	}
	return fmt.Errorf("%w: %w: %s", lease.ErrMisconfigured, err, badCredentials)
}
