package azblob

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What makes an answer Azure's, one thing at a time.
func TestEvidence(t *testing.T) {
	t.Parallel()
	asked := &http.Request{Header: http.Header{headerClientRequestID: {"r1"}}}
	for name, test := range map[string]struct {
		change  func(*http.Response)
		success bool
		refused bool // an answer like this is taken for a refusal of Azure's
	}{
		"all":                   {func(*http.Response) {}, true, true},
		"no request ID":         {func(r *http.Response) { r.Header.Del(headerRequestID) }, false, false},
		"no version":            {func(r *http.Response) { r.Header.Del(headerVersion) }, false, true}, // Azurite's refusals have none
		"no echo":               {func(r *http.Response) { r.Header.Del(headerClientRequestID) }, false, true},
		"another's echo":        {func(r *http.Response) { r.Header.Set(headerClientRequestID, "r2") }, false, false},
		"nothing to echo":       {func(r *http.Response) { r.Request = &http.Request{Header: http.Header{}} }, true, true},
		"no request is known":   {func(r *http.Response) { r.Request = nil }, true, true}, // a transport of the user's own
		"the request was moved": {func(r *http.Response) { r.Request = &http.Request{Header: asked.Header, Response: r} }, false, false},
		"no headers":            {func(r *http.Response) { r.Header = nil }, false, false},
	} {
		answer := &http.Response{Request: asked, Header: http.Header{
			headerRequestID: {"f9a0"}, headerVersion: {"2025-05-05"}, headerClientRequestID: {"r1"},
		}}
		test.change(answer)
		assert.Equal(t, test.success, strange(answer, true) == "", name)
		assert.Equal(t, test.refused, strange(answer, false) == "", name)
	}
	assert.NotEmpty(t, strange(nil, true))
}

// What each answer has to say, beside that.
func TestProofs(t *testing.T) {
	t.Parallel()
	h := http.Header{headerETag: {`"0x1"`}, headerLeaseID: {"one"}}
	assert.Empty(t, leasedAs("one")(h))
	assert.NotEmpty(t, leasedAs("two")(h))
	assert.NotEmpty(t, leasedAs("one")(http.Header{headerLeaseID: {"one"}}))
	assert.Empty(t, rewritten(`"0x0"`)(h))
	assert.NotEmpty(t, rewritten(`"0x1"`)(h))
	assert.NotEmpty(t, rewritten(`"0x0"`)(http.Header{}))
	assert.Empty(t, has(headerETag)(h))
	assert.NotEmpty(t, has(headerETag, headerModified)(h))
}
