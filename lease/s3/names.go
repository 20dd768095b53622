package s3

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/cloudlease/leader/lease"
)

// maxPrefix leaves room in the 1,024 bytes of a key for a name of 255 bytes, all of them escaped.
const maxPrefix = 256

// ready says why there is nothing to do.
func (s *Store) ready(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case s.bucket == "":
		return fmt.Errorf("%w: no bucket is named: pass one to s3.New, or write it into the URL", lease.ErrMisconfigured)
	case s.prefix != "" && !isPlain(s.prefix):
		return fmt.Errorf("%w: the prefix %q is not one that every client leaves as it is: use at most %d bytes of text, "+
			"without a slash at the beginning, and without empty, . or .. between slashes", lease.ErrMisconfigured, s.prefix, maxPrefix)
	}
	return nil
}

func isPlain(prefix string) bool {
	folder := strings.TrimSuffix(prefix, "/")
	return len(prefix) <= maxPrefix && lease.CheckName(prefix) == nil && path.Join("/", folder) == "/"+folder && folder != ""
}

// key begins every call: it says where the cell is, or why there is nothing to do.
func (s *Store) key(ctx context.Context, name string) (string, error) {
	if err := s.ready(ctx); err != nil {
		return "", err
	}
	if err := lease.CheckName(name); err != nil {
		return "", err
	}
	return s.keyOf(name), nil
}

// soap is a key that S3 takes for something else: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
const soap = "soap"

func (s *Store) keyOf(name string) string {
	key := s.prefix + escape(name)
	if key == soap {
		return fmt.Sprintf("%s%%%02X%s", s.prefix, name[0], name[1:])
	}
	return key
}

// nameOf is the way back. Only what keyOf made is the key of a cell.
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

// keyPrefix is what the keys of all names begin with that have the prefix.
func (s *Store) keyPrefix(prefix string) string {
	key := s.prefix + escape(strings.TrimSuffix(prefix, "/")) // how that slash is written depends on what follows it
	if strings.HasPrefix(soap, key) {
		return s.prefix
	}
	return key
}

// escape writes a byte as %XX where a client, a proxy or a server might make something else of it, or take it for
// punctuation of its own. A slash stays one only between letters or digits: so there are no segments that are empty or
// have only dots, which clients and proxies resolve.
func escape(name string) string {
	var b strings.Builder
	for i, c := range []byte(name) {
		switch {
		case isAlnum(c), c == '-', c == '_':
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

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
