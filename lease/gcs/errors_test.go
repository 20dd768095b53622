package gcs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/errtest"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// asJSON is how the service answers to writes and lists, asXML how it answers to reads; see
// https://cloud.google.com/storage/docs/json_api/v1/status-codes and
// https://cloud.google.com/storage/docs/xml-api/reference-status.
func asJSON(code int, reason, message string) string {
	return fmt.Sprintf(`{"error":{"code":%d,"message":%q,"errors":[{"message":%[2]q,"domain":"global","reason":%[3]q}]}}`, code, message, reason)
}

func asXML(code, message string) string {
	return fmt.Sprintf("<?xml version='1.0' encoding='UTF-8'?><Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
}

// refusals are answers of the service, their meaning, what to do about them, and the source: [json] and
// [xml] are the pages above.
var refusals = map[string]struct {
	call   string // read, create, overwrite or list
	status int
	body   string
	want   error  // nil: one that may pass
	says   string // in an ErrMisconfigured
}{
	"lost a race to create":    {"create", 412, asJSON(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold."), lease.ErrConflict, ""}, // [json]
	"lost a race to overwrite": {"overwrite", 412, asJSON(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold."), lease.ErrConflict, ""},
	"gone":                     {"overwrite", 404, asJSON(404, "notFound", "No such object: my-leases/a"), lease.ErrConflict, ""},
	"another write just now":   {"overwrite", 409, asJSON(409, "conflict", "The resource was being edited during the operation."), nil, ""}, // [json]
	"not modified":             {"read", 304, "", nil, ""},                                                                                  // of some cache

	"no bucket":            {"create", 404, asJSON(404, "notFound", "The specified bucket does not exist."), lease.ErrMisconfigured, "gcloud storage buckets create gs://BUCKET"},
	"no bucket to list":    {"list", 404, asJSON(404, "notFound", "The specified bucket does not exist."), lease.ErrMisconfigured, "gcloud storage buckets create gs://BUCKET"},
	"no bucket to read":    {"read", 404, asXML("NoSuchBucket", "The specified bucket does not exist."), lease.ErrMisconfigured, "gcloud storage buckets create gs://BUCKET"},
	"bad bucket name":      {"create", 400, asJSON(400, "invalid", "Invalid bucket name: 'My leases'"), lease.ErrMisconfigured, "without gs://"},
	"bad bucket name, XML": {"read", 400, asXML("InvalidBucketName", "The specified bucket is not valid."), lease.ErrMisconfigured, "without gs://"}, // [xml]

	"may not read":        {"read", 403, asXML("AccessDenied", "Access denied."), lease.ErrMisconfigured, role}, // [xml]
	"may not write":       {"create", 403, asJSON(403, "forbidden", "sa@p does not have storage.objects.create access to the Google Cloud Storage object."), lease.ErrMisconfigured, role},
	"may not overwrite":   {"overwrite", 403, asJSON(403, "forbidden", "sa@p does not have storage.objects.delete access to the Google Cloud Storage object."), lease.ErrMisconfigured, role},
	"may not list":        {"list", 403, asJSON(403, "forbidden", "sa@p does not have storage.objects.list access to the Google Cloud Storage bucket."), lease.ErrMisconfigured, role},
	"nobody":              {"create", 401, asJSON(401, "required", "Login Required"), lease.ErrMisconfigured, login}, // [json]
	"bad token":           {"list", 401, asJSON(401, "authError", "Invalid Credentials"), lease.ErrMisconfigured, login},
	"bad token, read":     {"read", 401, asXML("AuthenticationRequired", "Authentication required."), lease.ErrMisconfigured, login},
	"expired token, read": {"read", 400, asXML("ExpiredToken", "The provided token has expired."), lease.ErrMisconfigured, login}, // [xml]
	"in front":            {"create", 401, asStatus(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."), lease.ErrMisconfigured, login},
	"scope":               {"create", 403, asJSON(403, "insufficientPermissions", "Insufficient Permission"), lease.ErrMisconfigured, "scope"}, // [json]
	"scope, in front":     {"create", 403, asStatus(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes."), lease.ErrMisconfigured, "scope"},

	"no bill paid":        {"overwrite", 403, asJSON(403, "accountDisabled", "The billing account for the owning project is disabled in state absent"), lease.ErrMisconfigured, billing}, // python-storage issue 1456
	"no bill paid, read":  {"read", 403, asXML("UserProjectAccountProblem", "The project to be billed is associated with a closed billing account."), lease.ErrMisconfigured, billing},
	"no bill paid, words": {"read", 403, asXML("AccessDenied", "The billing account for the owning project is disabled in state closed"), lease.ErrMisconfigured, billing},
	"API off":             {"list", 403, asJSON(403, "accessNotConfigured", "Cloud Storage JSON API has not been used in project 1 before or it is disabled."), lease.ErrMisconfigured, "gcloud services enable"}, // [json]
	"API off, in front":   {"list", 403, asStatus(403, "PERMISSION_DENIED", "Cloud Storage API has not been used in project 1 before or it is disabled."), lease.ErrMisconfigured, "gcloud services enable"},

	"requester pays":          {"create", 400, asJSON(400, "required", "Bucket is a requester pays bucket but no user project provided."), lease.ErrMisconfigured, "?user_project="},
	"requester pays, read":    {"read", 400, asXML("UserProjectMissing", "Bucket is a requester pays bucket but no user project provided."), lease.ErrMisconfigured, "?user_project="}, // [xml]
	"user project is none":    {"create", 400, asJSON(400, "userProjectInvalid", "User project specified in the request is invalid."), lease.ErrMisconfigured, "Service Usage Consumer"},
	"user project refused":    {"create", 403, asJSON(403, "forbidden", "sa@p does not have serviceusage.services.use access to the Google Cloud project."), lease.ErrMisconfigured, "Service Usage Consumer"}, // google-cloud-ruby issue 6456
	"user project, by reason": {"read", 403, asXML("UserProjectAccessDenied", "Requester does not have serviceusage.services.use permissions on user project."), lease.ErrMisconfigured, "Service Usage Consumer"},

	"retention policy":    {"overwrite", 403, asJSON(403, "retentionPolicyNotMet", "Object 'my-leases/a' is subject to bucket's retention policy or object retention and cannot be deleted or overwritten until 2026"), lease.ErrMisconfigured, "name a bucket without a retention policy"},
	"hold":                {"overwrite", 403, asJSON(403, "objectUnderActiveHold", "Object 'my-leases/a' is under active Event-Based hold and cannot be deleted, overwritten or archived until hold is removed."), lease.ErrMisconfigured, "release the hold"},
	"organization policy": {"overwrite", 412, asJSON(412, "orgPolicyConstraintFailed", "Request violates constraint"), lease.ErrMisconfigured, "organization policy"}, // [json]
	"perimeter":           {"create", 403, asJSON(403, "forbidden", "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x"), lease.ErrMisconfigured, "service perimeter"},
	"restriction":         {"create", 403, asStatus(403, "PERMISSION_DENIED", "Access denied by organization restriction. Please contact your administrator for additional information."), lease.ErrMisconfigured, "service perimeter"},

	"key disabled or destroyed": {"overwrite", 400, asJSON(400, "cloudKmsDisabledKey", "Cloud KMS key is disabled, destroyed, or scheduled to be destroyed."), lease.ErrMisconfigured, "enable or restore"}, // [json]
	"key disabled, read":        {"read", 400, asXML("CloudKmsDisabledKey", "Cloud KMS key is disabled, destroyed, or scheduled to be destroyed."), lease.ErrMisconfigured, "enable or restore"},            // [xml]
	"key gone":                  {"read", 400, asXML("CloudKmsDecryptionKeyNotFound", "Resource's Cloud KMS decryption key not found."), lease.ErrMisconfigured, "another key"},
	"no key to encrypt":         {"create", 400, asJSON(400, "cloudKmsEncryptionKeyNotFound", "Cloud KMS encryption key not found."), lease.ErrMisconfigured, "another key"},
	"key of another place":      {"create", 400, asJSON(400, "cloudKmsKeyLocationNotAllowed", "Cloud KMS key location not allowed."), lease.ErrMisconfigured, "the bucket's location"},
	"no key at all":             {"create", 400, asJSON(400, "cloudKmsBadKey", "Bad Cloud KMS key."), lease.ErrMisconfigured, "another key"},
	"key in words":              {"create", 400, asJSON(400, "invalid", "Cloud KMS key projects/p/locations/l/keyRings/r/cryptoKeys/k is not enabled"), lease.ErrMisconfigured, "enable or restore"},
	"key not the agent's":       {"create", 403, asJSON(403, "forbidden", "Permission denied on Cloud KMS key. Please ensure that your Cloud Storage service account has been authorized to use this key."), lease.ErrMisconfigured, "gcloud storage service-agent --authorize-cmek"},
	"key not the agent's, read": {"read", 403, asXML("AccessDenied", "Permission denied on Cloud KMS key. Please ensure that your Cloud Storage service account has been authorized to use this key."), lease.ErrMisconfigured, "not the program's own account"},
	"key not the agent's, KMS":  {"create", 403, asStatus(403, "PERMISSION_DENIED", "Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource"), lease.ErrMisconfigured, "not the program's own account"},
	"somebody's own key":        {"read", 400, asXML("ResourceIsEncryptedWithCustomerEncryptionKey", "The resource is encrypted with a customer encryption key."), lease.ErrMisconfigured, "move the record away"},

	"too often":              {"overwrite", 429, tooOften, nil, ""}, // https://cloud.google.com/storage/docs/gcs429
	"too often to create":    {"create", 429, tooOften, nil, ""},
	"too often, XML":         {"read", 429, asXML("SlowDown", "The object exceeded the rate limit for object mutation operations (create, update, and delete)."), nil, ""},
	"too often, the old way": {"overwrite", 403, asJSON(403, "rateLimitExceeded", "Rate limit exceeded"), nil, ""},
	"too often for a user":   {"overwrite", 403, asJSON(403, "userRateLimitExceeded", "User Rate Limit Exceeded"), nil, ""}, // [json]
	"too many":               {"read", 403, asXML("QuotaExceeded", "Quota exceeded"), nil, ""},                              // [xml]
	"too many, in front":     {"create", 403, asStatus(403, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric"), nil, ""},
	"slow down":              {"read", 503, asXML("ServiceUnavailable", "Please reduce your request rate."), nil, ""},
	"down":                   {"overwrite", 503, unavailable, nil, ""},
	"region unavailable":     {"read", 500, asXML("InternalError", "We encountered an internal error. Please try again."), nil, ""},
	"timed out":              {"overwrite", 408, "", nil, ""},
	"gateway":                {"overwrite", 502, "<html>Bad Gateway</html>", nil, ""},
	"damaged on its way":     {"overwrite", 400, asJSON(400, "invalid", "Provided CRC32C \"x\" doesn't match calculated CRC32C \"y\"."), nil, ""},
}

const role, login, billing = "roles/storage.objectUser", "gcloud auth application-default login", "billing account"

// asStatus is how what stands in front of all of Google's services answers: https://cloud.google.com/apis/design/errors.
func asStatus(code int, status, message string) string {
	return fmt.Sprintf(`{"error":{"code":%d,"message":%q,"status":%q}}`, code, message, status)
}

// The answers are canned: the emulator grants everything to everybody, has no policies, no holds and no bills.
func TestRefusals(t *testing.T) {
	t.Parallel()
	proxy, client := newCanned(t)
	s := NewStore(client, "my-leases")
	for what, c := range refusals {
		proxy.OnRequest(1, wire.Reply(c.status, nil, c.body))
		err := s.calls()[c.call](t.Context())
		require.Error(t, err, what)
		for _, kind := range []error{lease.ErrConflict, lease.ErrMisconfigured, lease.ErrRecord, lease.ErrInvalid} {
			assert.Equal(t, kind == c.want, errors.Is(err, kind), "%s: is it %q? %v", what, kind, err)
		}
		assert.ErrorContains(t, err, c.says, what)
		assert.NotContains(t, err.Error(), "gs://my-leases", "%s: the manager names it", what)
		errtest.Advice(t, err)
	}
}

// Every reason that is known has its row.
func TestEveryReasonIsTried(t *testing.T) {
	t.Parallel()
	said := ""
	for _, c := range refusals {
		said += strings.ToLower(c.body) + "\n"
	}
	others := []string{ // which are spelled otherwise elsewhere
		"usagelimits.accessnotconfigured", "usagelimits.ratelimitexceeded", "usagelimits.userratelimitexceeded", "accountproblem",
		"authenticationrequiredrequesterpays", "userprojectinconsistent",
	}
	for reason := range advices {
		if !slices.Contains(others, reason) {
			assert.Contains(t, said, reason)
		}
	}
	for _, words := range saidOf {
		assert.Contains(t, said, strings.ToLower(words.words))
	}
}

// What fails on the way to the service may pass.
func TestFailuresOnTheWay(t *testing.T) {
	t.Parallel()
	proxy, client := newCanned(t)
	proxy.Refuse()
	for what, call := range NewStore(client, "b").calls() {
		err := call(t.Context())
		require.Error(t, err, what)
		assert.NotErrorIs(t, err, lease.ErrMisconfigured, what)
	}
	s := NewStore(client, "b")
	for _, err := range []error{
		&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}, // "network is unreachable"
		context.DeadlineExceeded, &net.DNSError{Err: "no such host", IsNotFound: true},
		&url.Error{Op: "Get", URL: "http://metadata", Err: errors.New("connection refused")},
	} {
		assert.NotErrorIs(t, s.classify(t.Context(), err), lease.ErrMisconfigured)
		assert.ErrorIs(t, s.classify(t.Context(), err), err)
	}
}

// On the emulator: a bucket that does not exist is found out by a write and a list, as on the real service.
func TestNoSuchBucket(t *testing.T) {
	t.Parallel()
	newBucket(t) // so that there is a service
	s := NewStore(connect(t), "leader-there-is-no-such-bucket")
	assert.Zero(t, load(t, s, "a"))
	for _, call := range []string{"create", "list"} {
		err := s.calls()[call](t.Context())
		require.ErrorIs(t, err, lease.ErrMisconfigured)
		assert.ErrorContains(t, err, "gcloud storage buckets create gs://BUCKET")
	}
	require.ErrorIs(t, s.calls()["overwrite"](t.Context()), lease.ErrConflict)

	_, err := lease.NewManager(s).Acquire(t.Context(), lease.Request{Name: "a", Holder: "me", Length: length})
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	assert.ErrorContains(t, err, `acquire lease "a"`)
}
