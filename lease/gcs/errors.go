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

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/internal/foreign"
	"github.com/cloudlease/leader/internal/redact"
	"github.com/cloudlease/leader/lease"
)

// What to do about permanent errors.
const (
	badCredentials = "attach a service account to the machine, or renew the credentials (your own: gcloud auth application-default " +
		"login): they are missing, expired or revoked"
	wrongClock = "set the machine's clock: it is wrong, so that what the machine signs is refused"
	noAccount  = "attach a service account to the machine (Compute Engine: gcloud compute instances set-service-account; " +
		"GKE: let the Pod's Kubernetes service account use one)"
	mayNotImpersonate = "grant the credentials the role Service Account Token Creator on the service account that they are to act as, " +
		"or, in GKE, Workload Identity User, and see that it exists and is not disabled"
	noScope       = "give the machine the access scope cloud-platform: those that it has leave out writing to Cloud Storage"
	noBilling     = "link an open billing account to the project that is billed, the bucket's or the user project"
	noAPI         = "enable the Cloud Storage API in the credentials' project: gcloud services enable storage.googleapis.com"
	retained      = "name a bucket without a retention policy: it keeps the record from being overwritten"
	onHold        = "release the hold, which keeps the record from being overwritten, and turn off the bucket's default event-based hold"
	badBucket     = "name the bucket as the console shows it, without gs://"
	requesterPays = "name the project to bill with gcs.WithUserProject or ?user_project=, or name another bucket: this one bills " +
		"the caller (requester pays)"
	badUserProject = "name another user project with gcs.WithUserProject or ?user_project=, and grant the credentials the role " +
		"Service Usage Consumer on it: this one cannot be billed"
	againstPolicy = "name a bucket that complies with the organization policy, or have the policy changed"
	perimeter     = "run inside the organization's policy, such as a service perimeter, or have it changed; the audit log names the rule"
	badKey        = "enable or restore the version of the Cloud KMS key that encrypts the record, or give the bucket another key in the bucket's " +
		"location (gcloud storage buckets update --default-encryption-key)"
	mayNotUseKey = "grant the Cloud Storage service agent of the bucket's project, and not the program's own account, the role Cloud KMS " +
		"CryptoKey Encrypter/Decrypter on the key (gcloud storage service-agent --authorize-cmek=KEY)"
	ownKey = "move the record away while nobody runs: it is encrypted with somebody's own key, which leases do not have"
	mayNot = "grant the credentials the role Storage Object User on the bucket: gcloud storage buckets add-iam-policy-binding " +
		"gs://BUCKET --member=... --role=roles/storage.objectUser"
	noBucket = "create the bucket with gcloud storage buckets create gs://BUCKET, or name another"
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

// classify returns what an error of the storage client means: a lease.MisconfiguredError if it is permanent.
func (s *Store) classify(ctx context.Context, err error) error {
	if answer, ok := errors.AsType[*foreign.Error](err); ok {
		return answer
	}
	r := s.refusalOf(err)
	if r.code != 0 && !r.own { // the rest of the answer may be a whole page
		return notGoogles(fmt.Sprintf("it has the HTTP status %d, and no error document of the service", r.code))
	}
	advice := adviceOn(r, err)
	hideURL(err)
	if err = (line{err}); r.own {
		err = said{r, err}
	}
	if advice != "" {
		return &lease.MisconfiguredError{Err: err, Advice: advice}
	}
	if r.code == 0 {
		return failure.WithCause(ctx, err)
	}
	return err
}

// adviceOn says what to do about a permanent error; empty: it is temporary. Failures on the way to the service, and
// answers that are not the service's own, are temporary.
func adviceOn(r refusal, err error) string {
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
		return mayNot
	case r.code == http.StatusNotFound && !errors.Is(err, storage.ErrObjectNotExist): // about a missing generation
		return noBucket
	}
	return ""
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
		return failure.WithCause(ctx, err)
	}
	hideURL(err)
	if e, ok := errors.AsType[*url.Error](err); ok && e.Op == "parse" && os.Getenv("STORAGE_EMULATOR_HOST") != "" {
		return failure.Misconfigured("STORAGE_EMULATOR_HOST is no address of a server", "write it as host:port or http://host:port")
	}
	return &lease.MisconfiguredError{Err: err, Advice: badCredentials}
}
