package azblob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"github.com/cloudlease/leader/internal/foreign"
)

// requestTimeout bounds a request if ctx does not end earlier. It is the time that Azure itself allows for a request.
// https://learn.microsoft.com/rest/api/storageservices/setting-timeouts-for-blob-service-operations
const requestTimeout = 30 * time.Second

// once switches off the SDK's retries for the context's requests. So an answer is to a request of this call (R2), and a
// refusal is not the answer to a second attempt after the first one succeeded.
func once(ctx context.Context) context.Context {
	return policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1, TryTimeout: requestTimeout})
}

// Headers of Azure's answers, https://learn.microsoft.com/rest/api/storageservices/lease-blob and its siblings.
const (
	headerRequestID       = "X-Ms-Request-Id"        // in every answer, also in a refusal
	headerVersion         = "X-Ms-Version"           // in every answer that is no refusal
	headerClientRequestID = "X-Ms-Client-Request-Id" // the request's, if it had one; missing from some refusals
	headerLeaseID         = "X-Ms-Lease-Id"
	headerLeaseState      = "X-Ms-Lease-State"
	headerLeaseTime       = "X-Ms-Lease-Time"
	headerETag            = "Etag"
	headerModified        = "Last-Modified"
	headerContentLength   = "Content-Length"
)

// A proof says what an answer's headers lack to be Azure's answer to this very request; empty: nothing.
type proof func(http.Header) (missing string)

// has returns the proof that requires all the headers.
func has(names ...string) proof {
	return func(h http.Header) string {
		for _, name := range names {
			if h.Get(name) == "" {
				return "it has no " + name
			}
		}
		return ""
	}
}

// leasedAs returns the proof that requires the ID of the held lease.
func leasedAs(id string) proof {
	return func(h http.Header) string {
		if h.Get(headerLeaseID) != id {
			return "it does not name this lease's ID"
		}
		return has(headerETag)(h)
	}
}

// rewritten returns the proof that requires a new ETag, after a write.
func rewritten(before azcore.ETag) proof {
	return func(h http.Header) string {
		if h.Get(headerETag) == string(before) {
			return "it has the ETag of before"
		}
		return has(headerETag)(h)
	}
}

// stray returns the error for an answer that is not Azure's to this request, whatever its status and its page say. It may
// come from something on the way, or belong to another request. It is neither a success nor a refusal, and so does not
// wrap the SDK's error: the request may have reached Azure or not (R4).
func stray(status int, why string) error {
	return &foreign.Error{Service: "Azure Storage", Why: fmt.Sprintf("its status is %d, and %s", status, why)}
}

// ask makes one call of the SDK, which sends one request, and rejects an answer without the service's own evidence. A
// refusal by Azure is the SDK's error; every other error leaves the request's outcome open.
func (m *manager) ask(ctx context.Context, p proof, call func(context.Context) error) error {
	return m.askWith(once(ctx), p, call)
}

// askWith does the work of ask, with the retries in ctx.
func (m *manager) askWith(ctx context.Context, p proof, call func(context.Context) error) error {
	if m.marks {
		ctx = policy.WithHTTPHeader(ctx, http.Header{headerClientRequestID: {rand.Text()}})
	}
	var answer *http.Response
	err := call(policy.WithCaptureResponse(ctx, &answer))
	if refused, ok := errors.AsType[*azcore.ResponseError](err); ok {
		if why := strange(refused.RawResponse, false); why != "" {
			return stray(refused.StatusCode, why)
		}
		return err
	}
	if err != nil {
		return err
	}
	why := strange(answer, true)
	if why == "" {
		why = p(answer.Header)
	}
	if why != "" {
		return stray(answer.StatusCode, why)
	}
	return nil
}

// strange says why an answer is not Azure's to its request; empty if it is.
//
// Azure repeats the client's request ID, "with the same value"
// (https://learn.microsoft.com/javascript/api/@azure/storage-blob/blobreleaseleaseheaders). So strange recognizes
// another account's answer, or one that a cache kept. If the client sends no ID, strange checks only what all of
// Azure's answers have in common.
func strange(answer *http.Response, success bool) string {
	if answer == nil {
		return "there are no headers"
	}
	h := answer.Header
	if h.Get(headerRequestID) == "" {
		return "it has no " + headerRequestID
	}
	if success && h.Get(headerVersion) == "" {
		return "it has no " + headerVersion
	}
	if answer.Request == nil {
		return ""
	}
	if answer.Request.Response != nil { // https://pkg.go.dev/net/http#Request.Response
		return "the request was redirected"
	}
	sent, back := answer.Request.Header.Get(headerClientRequestID), h.Get(headerClientRequestID)
	if sent != "" && back != sent && (success || back != "") {
		return "it is not that to this request"
	}
	return ""
}

// canMark reports whether headers may be added to the client's requests. The signature of an account key covers all
// headers of this kind, and is made before that:
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
func canMark(client *container.Client) bool {
	_, err := client.GetSASURL(sas.ContainerPermissions{}, time.Time{}, nil) // succeeds only with the key
	return errors.Is(err, bloberror.MissingSharedKeyCredential)
}
