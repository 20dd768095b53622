package azblob

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// bound returns the rest of a text that begins with the record's token; empty if it does not. An older program keeps metadata that it
// does not know as somebody else's when it acquires the lease: then they are another term's, and void.
func (r record) bound(escaped string) string {
	text, ours := strings.CutPrefix(escaped, strconv.FormatUint(r.token, 10)+"+") // a space
	text, err := url.QueryUnescape(text)
	if err != nil || !ours {
		return ""
	}
	return text
}

// released reports whether the lease was given back, as far as Azure shows.
func (s sight) released() bool { return s.token > 0 && s.state == lease.Free && !s.broken }

// leftTo returns for how long the request leaves a lease to the node that its last holder named; 0 if it does not. A look that was sent
// then, by host.Monotonic, has shown the lease.
func (m *manager) leftTo(req lease.Request, seen sight, sent time.Duration) time.Duration {
	if !seen.released() || seen.next == "" {
		m.named.Forget(req.Name, sent)
		return 0
	}
	stood := m.named.For(req.Name, string(seen.etag), sent, host.Monotonic(), 0)
	if seen.next == req.Holder {
		return 0
	}
	return max(req.Yield-stood, 0)
}
