package s3

import (
	"fmt"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/cloudlease/leader/internal/absent"
	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/lease"
)

// ready returns an error if no call can succeed, whatever the lease's name.
func (s *Store) ready() error {
	switch {
	case absent.Is(s.client):
		return failure.Misconfigured("there is no client", "pass one to s3.New")
	case s.bucket == "":
		return failure.Misconfigured("no bucket is named", "pass one to s3.New, or write it into the URL")
	case s.prefix != "" && !isPlain(s.prefix):
		return failure.Misconfigured(fmt.Sprintf("the prefix %q is not one that every client leaves as it is", s.prefix),
			fmt.Sprintf("use at most %d bytes of text, without a slash at the beginning, and without nothing, . or .. between slashes", lease.MaxName))
	}
	if s.problem != nil {
		return s.problem
	}
	if wrong := s.wrongOption(); wrong != "" {
		return failure.Misconfigured(wrong, asked)
	}
	return nil
}

// isPlain also ensures that keys are short enough: the prefix is no longer than a name may be, and together with
// a name whose every byte is escaped it stays below the 1,024 bytes of a key.
func isPlain(prefix string) bool {
	folder := strings.TrimSuffix(prefix, "/")
	return lease.CheckName(prefix) == nil && path.Join("/", folder) == "/"+folder && folder != ""
}

// key comes first in every call: it returns the key of the lease's cell, or an error if there is nothing to do.
func (s *Store) key(name string) (string, error) {
	if err := s.ready(); err != nil {
		return "", err
	}
	if err := lease.CheckName(name); err != nil {
		return "", err
	}
	return s.keyOf(name), nil
}

// soap is a key that S3 treats specially: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
const soap = "soap"

func (s *Store) keyOf(name string) string {
	key := s.prefix + escape(name)
	if key == soap {
		return fmt.Sprintf("%s%%%02X%s", s.prefix, name[0], name[1:])
	}
	return key
}

// nameOf is the inverse of keyOf: a key that keyOf cannot have made is not that of a cell.
func (s *Store) nameOf(key string) (name string, isCell bool) {
	escaped, ok := strings.CutPrefix(key, s.prefix)
	if !ok {
		return "", false
	}
	name, err := url.PathUnescape(escaped)
	if err != nil || lease.CheckName(name) != nil || s.keyOf(name) != key {
		return "", false
	}
	return name, true
}

// keyPrefix returns the longest text that begins the keys of all names with the prefix.
func (s *Store) keyPrefix(prefix string) string {
	key := s.prefix + escape(strings.TrimSuffix(prefix, "/")) // the encoding of a final slash depends on what follows it
	if strings.HasPrefix(soap, key) {
		return s.prefix
	}
	return key
}

// escape writes a byte as %XX where a client, a proxy or a server might change the byte, or treat it as punctuation. A
// slash stays as it is only between letters or digits. So no segment is empty or consists of dots, which clients and
// proxies would resolve.
func escape(name string) string {
	if !strings.ContainsFunc(name, func(c rune) bool { return c >= utf8.RuneSelf || !isPlainByte(byte(c)) }) {
		return name // true of most names
	}
	var b strings.Builder
	b.Grow(len(name))
	for i, c := range []byte(name) {
		switch {
		case isPlainByte(c):
			b.WriteByte(c)
		case c == '.' && i > 0:
			b.WriteByte(c)
		case c == '/' && i > 0 && i+1 < len(name) && isAlnum(name[i-1]) && isAlnum(name[i+1]):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func isPlainByte(c byte) bool { return isAlnum(c) || c == '-' || c == '_' }

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
