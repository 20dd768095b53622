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
)

// requestTimeout is how long a request may take, if ctx does not end before: as long as Azure itself takes for one
// before it gives up. https://learn.microsoft.com/rest/api/storageservices/setting-timeouts-for-blob-service-operations
const requestTimeout = 30 * time.Second

// once switches the SDK's retries off for what is sent with the context. So what was answered was sent within this call
// (R2), and a refusal is not that of a second attempt whose first one went through.
func once(ctx context.Context) context.Context {
	return policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1, TryTimeout: requestTimeout})
}

// Headers of Azure's answers, https://learn.microsoft.com/rest/api/storageservices/lease-blob and its siblings.
const (
	headerRequestID       = "X-Ms-Request-Id"        // of every answer, also of a refusal
	headerVersion         = "X-Ms-Version"           // of every answer that is no refusal
	headerClientRequestID = "X-Ms-Client-Request-Id" // the request's, if it had one; some refusals leave it out
	headerLeaseID         = "X-Ms-Lease-Id"
	headerLeaseState      = "X-Ms-Lease-State"
	headerLeaseTime       = "X-Ms-Lease-Time"
	headerETag            = "Etag"
	headerModified        = "Last-Modified"
)

// A proof says what is missing in an answer's headers for it to be Azure's to this very request; empty: nothing.
type proof func(http.Header) (missing string)

// has is the proof of an answer that has all the headers.
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

// leasedAs is the proof of an answer that says that the lease with this ID is held.
func leasedAs(id string) proof {
	return func(h http.Header) string {
		if h.Get(headerLeaseID) != id {
			return "it does not name this lease's ID"
		}
		return has(headerETag)(h)
	}
}

// rewritten is the proof of an answer to a write that gives the blob another ETag.
func rewritten(before azcore.ETag) proof {
	return func(h http.Header) string {
		if h.Get(headerETag) == string(before) {
			return "it has the ETag of before"
		}
		return has(headerETag)(h)
	}
}

// A strayAnswer is one that is not Azure's to this request, whatever its status and its page say: a filter's, a captive
// portal's, a proxy's, or that to another request. It is neither a success nor a refusal: the request may have come to
// Azure or not (R4).
type strayAnswer struct {
	status int
	why    string
}

func (e *strayAnswer) Error() string {
	return fmt.Sprintf("answered %d by something that is not Azure Storage (%s): a proxy, a filter or a login page on the way to it?", e.status, e.why)
}

// ask makes one call of the SDK, which sends one request, and takes nothing for an answer that has not the service's own
// evidence. A refusal of Azure's is the SDK's error; every other error leaves open what became of the request.
func (m *manager) ask(ctx context.Context, p proof, call func(context.Context) error) error {
	return m.askWith(once(ctx), p, call)
}

// askWith is ask, with the retries that ctx says.
func (m *manager) askWith(ctx context.Context, p proof, call func(context.Context) error) error {
	if m.marks {
		ctx = policy.WithHTTPHeader(ctx, http.Header{headerClientRequestID: {rand.Text()}})
	}
	var answer *http.Response
	err := call(policy.WithCaptureResponse(ctx, &answer))
	if refused, ok := errors.AsType[*azcore.ResponseError](err); ok {
		if why := strange(refused.RawResponse, false); why != "" {
			return &strayAnswer{refused.StatusCode, why}
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
		return &strayAnswer{answer.StatusCode, why}
	}
	return nil
}

// strange says why an answer is not Azure's to the request that it came for; empty if it is.
//
// Azure gives the client's request ID back, "with the same value"
// (https://learn.microsoft.com/javascript/api/@azure/storage-blob/blobreleaseleaseheaders). So another account's answer, or
// one that was kept by a cache, is told from this one. Where the client sends none, only what is common to all of Azure's
// answers is left.
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

// canMark tells whether a header may be added to the client's requests. The signature of an account key covers all headers
// of this kind, and is made before that: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
func canMark(client *container.Client) bool {
	_, err := client.GetSASURL(sas.ContainerPermissions{}, time.Time{}, nil) // which needs the key
	return errors.Is(err, bloberror.MissingSharedKeyCredential)
}
