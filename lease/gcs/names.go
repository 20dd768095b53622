package gcs

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/cloudlease/leader/lease"
)

// A lease's name becomes an object's name: the prefix, and the name with all but letters, digits, "-", "_" and "." escaped
// as in a URL, and a first "." as well. So no object is "." or "..", begins with ".well-known/acme-challenge/", has a line
// break or one of the signs that tools take for something else: # [ ] * ?
// (https://cloud.google.com/storage/docs/objects#naming). Nor are there slashes in it: in a bucket with a hierarchical
// namespace, they would make folders.

const (
	maxObject = 1024                       // bytes of an object's name
	maxPrefix = maxObject - 3*maxLeaseName // the worst case is that every byte is escaped
	challenge = ".well-known/acme-challenge/"

	maxLeaseName = 255
)

func escape(name string) string {
	plain := 0 // bytes at the beginning that stay as they are: mostly all
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

// objectOf is the name of a lease's object.
func (s *Store) objectOf(name string) string { return s.prefix + escape(name) }

// nameOf is the way back. Only what objectOf made is the object of a lease.
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
