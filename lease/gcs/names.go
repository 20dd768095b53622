package gcs

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/cloudlease/leader/lease"
)

// A lease's name becomes an object's name: the prefix, and the name with all but letters, digits, "-", "_" and "."
// escaped as in a URL, and a "." at its beginning as well. So no object is "." or "..", begins with
// ".well-known/acme-challenge/", or has a line break or a sign that is special to tools: # [ ] * ?
// (https://cloud.google.com/storage/docs/objects#naming). Slashes are escaped, too: in a bucket with a hierarchical
// namespace, they would make folders.

const (
	maxObject = 1024                        // bytes of an object's name
	maxPrefix = maxObject - 3*lease.MaxName // in the worst case, every byte is escaped
	challenge = ".well-known/acme-challenge/"
)

func escape(name string) string {
	plain := 0 // bytes at the beginning that stay as they are: usually all
	for plain < len(name) && staysAsItIs(name[plain], plain) {
		plain++
	}
	if plain == len(name) {
		return name
	}
	var b strings.Builder
	b.WriteString(name[:plain])
	for i := plain; i < len(name); i++ {
		if c := name[i]; staysAsItIs(c, i) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func staysAsItIs(c byte, i int) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' && i > 0
}

// objectOf returns the name of a lease's object.
func (s *Store) objectOf(name string) string { return s.prefix + escape(name) }

// nameOf is the inverse of objectOf: a name that objectOf cannot have made is not that of a lease's object.
func (s *Store) nameOf(object string) (name string, isLease bool) {
	escaped, ok := strings.CutPrefix(object, s.prefix)
	if !ok {
		return "", false
	}
	name, err := url.PathUnescape(escaped)
	if err != nil || lease.CheckName(name) != nil || s.objectOf(name) != object {
		return "", false
	}
	return name, true
}

// checkPrefix says what is wrong with the prefix; empty: nothing.
func checkPrefix(prefix string) string {
	switch {
	case len(prefix) > maxPrefix:
		return fmt.Sprintf("it has %d bytes, more than %d", len(prefix), maxPrefix)
	case !utf8.ValidString(prefix):
		return "it is not UTF-8"
	case strings.ContainsAny(prefix, "\r\n"):
		return "it has a line break"
	case strings.HasPrefix(prefix, challenge):
		return "it begins with " + challenge
	}
	return ""
}
