package gcs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"testing"

	"cloud.google.com/go/compute/metadata"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

// What the service says, what it means, and what to do about it. The answers are canned: the emulator grants everything
// to everybody, has no policies, no holds and no bills.
func TestAnswers(t *testing.T) {
	t.Parallel()
	proxy, client := newCanned(t)
	s := NewStore(client, "my-leases")
	const role, login, billing = "roles/storage.objectUser", "gcloud auth application-default login", "billing account"
	for what, c := range map[string]struct {
		call   string // read, create, overwrite or list
		status int
		body   string
		want   error  // nil: one that may pass
		says   string // in an ErrMisconfigured
	}{
		"lost a race to create":       {"create", 412, asJSON(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold."), lease.ErrConflict, ""},
		"lost a race to overwrite":    {"overwrite", 412, asJSON(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold."), lease.ErrConflict, ""},
		"a 412 of another maker":      {"overwrite", 412, "Precondition Failed", lease.ErrConflict, ""},
		"gone":                        {"overwrite", 404, asJSON(404, "notFound", "No such object: my-leases/a"), lease.ErrConflict, ""},
		"no bucket":                   {"create", 404, asJSON(404, "notFound", "The specified bucket does not exist."), lease.ErrMisconfigured, "gcloud storage buckets create gs://my-leases"},
		"no bucket to list":           {"list", 404, asJSON(404, "notFound", "The specified bucket does not exist."), lease.ErrMisconfigured, "gcloud storage buckets create gs://my-leases"},
		"may not read":                {"read", 403, asXML("AccessDenied", "Access denied."), lease.ErrMisconfigured, role},
		"may not create":              {"create", 403, asJSON(403, "forbidden", "x does not have storage.objects.create access to the Google Cloud Storage object."), lease.ErrMisconfigured, role},
		"may not overwrite":           {"overwrite", 403, asJSON(403, "forbidden", "x does not have storage.objects.delete access to the Google Cloud Storage object."), lease.ErrMisconfigured, role},
		"may not list":                {"list", 403, asJSON(403, "forbidden", "x does not have storage.objects.list access to the Google Cloud Storage bucket."), lease.ErrMisconfigured, "gs://my-leases"},
		"no credentials":              {"read", 401, asXML("AuthenticationRequired", "Authentication required."), lease.ErrMisconfigured, login},
		"bad credentials":             {"overwrite", 401, asJSON(401, "authError", "Invalid Credentials"), lease.ErrMisconfigured, login},
		"expired credentials":         {"read", 400, asXML("ExpiredToken", "The provided token has expired."), lease.ErrMisconfigured, login},
		"scope":                       {"create", 403, asJSON(403, "insufficientPermissions", "Insufficient Permission"), lease.ErrMisconfigured, "scope"},
		"no bill paid, read":          {"read", 403, asXML("UserProjectAccountProblem", "The project to be billed is associated with a closed billing account."), lease.ErrMisconfigured, billing},
		"no bill paid":                {"overwrite", 403, asJSON(403, "accountDisabled", "The project to be billed is associated with an absent billing account."), lease.ErrMisconfigured, billing},
		"API off":                     {"list", 403, asJSON(403, "accessNotConfigured", "Cloud Storage JSON API has not been used in project 1 before or it is disabled."), lease.ErrMisconfigured, "gcloud services enable"},
		"retention policy":            {"overwrite", 403, asJSON(403, "retentionPolicyNotMet", "Object 'my-leases/a' is subject to bucket's retention policy or object retention and cannot be deleted or overwritten until 2026"), lease.ErrMisconfigured, "name a bucket without one"},
		"hold":                        {"overwrite", 403, asJSON(403, "objectUnderActiveHold", "Object 'my-leases/a' is under active Event-Based hold and cannot be deleted, overwritten or archived until hold is removed."), lease.ErrMisconfigured, "release it"},
		"bad bucket name":             {"create", 400, asJSON(400, "invalid", "Invalid bucket name: 'My leases'"), lease.ErrMisconfigured, "without gs://"},
		"bad bucket name, read":       {"read", 400, asXML("InvalidBucketName", "The specified bucket is not valid."), lease.ErrMisconfigured, "without gs://"},
		"requester pays":              {"create", 400, asJSON(400, "required", "Bucket is a requester pays bucket but no user project provided."), lease.ErrMisconfigured, "requester pays"},
		"requester pays, read":        {"read", 400, asXML("UserProjectMissing", "Bucket is a requester pays bucket but no user project provided."), lease.ErrMisconfigured, "requester pays"},
		"organization policy":         {"overwrite", 412, asJSON(412, "orgPolicyConstraintFailed", "Request violates constraint"), lease.ErrMisconfigured, "organization policy"},
		"key disabled":                {"overwrite", 400, asJSON(400, "cloudKmsDisabledKey", "Cloud KMS key is disabled."), lease.ErrMisconfigured, "encryption key"},
		"too often":                   {"overwrite", 429, tooOften, nil, ""},
		"too often, the old way":      {"overwrite", 403, asJSON(403, "rateLimitExceeded", "Rate limit exceeded"), nil, ""},
		"too many":                    {"read", 403, asXML("QuotaExceeded", "Quota exceeded"), nil, ""},
		"slow down":                   {"read", 503, asXML("ServiceUnavailable", "Please reduce your request rate."), nil, ""},
		"down":                        {"overwrite", 503, unavailable, nil, ""},
		"region unavailable":          {"read", 500, asXML("InternalError", "We encountered an internal error. Please try again."), nil, ""},
		"timed out":                   {"overwrite", 408, "", nil, ""},
		"gateway":                     {"overwrite", 502, "<html>Bad Gateway</html>", nil, ""},
		"another write at that time":  {"overwrite", 409, asJSON(409, "conflict", "The resource was being edited during the operation."), nil, ""},
		"damaged on its way":          {"overwrite", 400, asJSON(400, "invalid", "Provided CRC32C \"x\" doesn't match calculated CRC32C \"y\"."), nil, ""},
		"not modified, of some cache": {"read", 304, "", nil, ""},
	} {
		proxy.OnRequest(1, wire.Reply(c.status, nil, c.body))
		err := s.calls()[c.call](t.Context())
		require.Error(t, err, what)
		for _, kind := range []error{lease.ErrConflict, lease.ErrMisconfigured, lease.ErrRecord, lease.ErrInvalid} {
			assert.Equal(t, kind == c.want, errors.Is(err, kind), "%s: is it %q? %v", what, kind, err)
		}
		assert.ErrorContains(t, err, c.says, what)
		assert.ErrorContains(t, err, "gs://my-leases/", what)
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
		context.DeadlineExceeded, &net.DNSError{Err: "no such host", IsNotFound: true},
		&url.Error{Op: "Get", URL: "http://metadata", Err: errors.New("connection refused")},
	} {
		assert.NotErrorIs(t, s.explain(t.Context(), "read", err), lease.ErrMisconfigured)
		assert.ErrorIs(t, s.explain(t.Context(), "read", err), err)
	}
	// Such an error cannot be had without a metadata server that has no account for the machine.
	none := &url.Error{Op: "Get", URL: "http://b", Err: fmt.Errorf("credentials: cannot fetch token: %w", metadata.NotDefinedError("default/token"))}
	assert.ErrorIs(t, s.explain(t.Context(), "read", none), lease.ErrMisconfigured)
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
		assert.ErrorContains(t, err, "gcloud storage buckets create gs://leader-there-is-no-such-bucket")
	}
	require.ErrorIs(t, s.calls()["overwrite"](t.Context()), lease.ErrConflict)

	_, err := lease.NewManager(s).Acquire(t.Context(), lease.Request{Name: "a", Holder: "me", Length: length})
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	assert.ErrorContains(t, err, `acquire lease "a"`)
}
