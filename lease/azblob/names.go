package azblob

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cloudlease/leader/lease"
)

// maxPrefix leaves room in the 1,024 characters of a blob name for the longest lease name, all of whose bytes are escaped.
// https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
const (
	maxBlobName = 1024
	maxPrefix   = maxBlobName - 3*lease.MaxName
)

// blobName returns the name of a lease's blob. It escapes the dot, because no part of a blob's path may end in one. It
// escapes the slash, because in a hierarchical namespace the lease a/b would need a directory where the lease a has its
// blob. A prefix of a lease's name becomes a prefix of the blob's name, so that List can ask for it.
func (m *manager) blobName(name string) string {
	var b strings.Builder
	b.Grow(len(m.prefix) + len(name))
	b.WriteString(m.prefix)
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// leaseName is the inverse of blobName: a name that blobName cannot have made is not that of a lease's blob.
func (m *manager) leaseName(blob string) (name string, ok bool) {
	name, err := url.PathUnescape(strings.TrimPrefix(blob, m.prefix))
	if err != nil || lease.CheckName(name) != nil || m.blobName(name) != blob {
		return "", false
	}
	return name, true
}

// checkPrefix says what is wrong with a prefix: Azure would change some names, and make another blob than the one
// named.
func checkPrefix(prefix string) error {
	switch {
	case len(prefix) > maxPrefix:
		return fmt.Errorf("is longer than %d bytes, and leaves no room for a lease's name", maxPrefix)
	case !utf8.ValidString(prefix):
		return errors.New("is not UTF-8")
	case strings.ContainsRune(prefix, '\\'), strings.ContainsFunc(prefix, unicode.IsControl):
		return errors.New("has a backslash or a control character")
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(prefix, "/"), "/") {
		if prefix != "" && part == "" || strings.HasSuffix(part, ".") {
			return errors.New("has an empty part, or one that ends in a dot, between slashes")
		}
	}
	return nil
}
