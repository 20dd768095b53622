// Package redact shows a store URL without anything in it that could be a secret.
//
// People paste what they have: a presigned URL, a shared access signature, a connection string, a user and a password. So
// URL does not look for secrets; it shows what it knows to be harmless, and "..." for the rest.
package redact

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// URL shows a URL for an error or a report: its scheme, its place (a bucket and a folder, say), the keys of its query, and
// those values that cannot be secrets. Where it may have a user part, also a mistyped one, it shows the scheme alone.
func URL(u *url.URL) string {
	switch {
	case u == nil || u.Scheme == "": // a connection string or a token has none, and would be the path
		return "..."
	case Hides(u):
		return u.Scheme + ":..."
	case u.Opaque != "":
		return u.Scheme + ":" + u.Opaque + query(u.RawQuery)
	case u.Host == "" && u.Path == "":
		return u.Scheme + ":" + query(u.RawQuery)
	}
	return u.Scheme + "://" + u.Hostname() + port(u) + u.EscapedPath() + query(u.RawQuery)
}

// port shows a port with its colon. No store has one, so there it may be a password whose @place is missing.
func port(u *url.URL) string {
	switch port := u.Port(); {
	case port == "":
		return ""
	case (u.Scheme == "http" || u.Scheme == "https") && len(port) <= len("65535"):
		return ":" + port
	}
	return ":..."
}

// Text is URL for one that is not parsed. Nothing is shown of what cannot be parsed.
func Text(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "..."
	}
	return URL(u)
}

// Hides tells of a URL of which URL shows the scheme alone: it names no place that is surely no secret.
func Hides(u *url.URL) bool {
	return u.Opaque != "" && u.Scheme != "file" || // file:relative/directory
		mayHoldUser(u) || u.Host != "" && !plainHost.MatchString(u.Hostname())
}

// plainHost is what the names of tables, buckets and accounts are made of, and a connection string is not.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// mayHoldUser tells of a URL with a user part, also one in which the password has a sign that ends the place, as in
// gs://user:12/34@place and gs://user:?34@place. An @ in a folder's name is written %40; in that of a directory, it needs not
// be, as in file:///home/me@example.com.
func mayHoldUser(u *url.URL) bool {
	path := u.Path
	if opaque, err := url.PathUnescape(u.Opaque); err == nil {
		path += opaque
	}
	if u.Scheme == "file" {
		path = drive.ReplaceAllString(path, "")
	}
	before, _, found := strings.Cut(path, "@")
	return u.User != nil || found && strings.Contains(before, ":") || u.Host != "" && strings.Contains(u.EscapedPath(), "@") ||
		strings.Contains(u.RawQuery, "@") || strings.Contains(u.Fragment, "@")
}

var drive = regexp.MustCompile(`^/?[A-Za-z]:/`) // file:///C:/Users/me@example.com

// harmless has the values that are shown, by their keys.
var harmless = map[string]*regexp.Regexp{
	"region":     regexp.MustCompile(`^[a-z]{2,4}(-[a-z]{2,12}){1,3}-[0-9]{1,2}$`),
	"path_style": truth,
	"create":     truth,
	"age":        truth,
}

var truth = regexp.MustCompile(`^(true|false)$`)

// query shows a query with its question mark, if there is one.
func query(raw string) string {
	if raw == "" {
		return ""
	}
	var parts []string
	for part := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(part, "=")
		shown := "..."
		switch {
		case !plainKey(part):
		case harmless[key] != nil && harmless[key].MatchString(value):
			shown = part
		default:
			shown = key + "=..."
		}
		if !slices.Contains(parts, shown) {
			parts = append(parts, shown)
		}
	}
	return "?" + strings.Join(parts, "&")
}

// HasKey tells whether a query has the key, written so that it may be shown.
func HasKey(rawQuery, key string) bool {
	for part := range strings.SplitSeq(rawQuery, "&") {
		if name, _, _ := strings.Cut(part, "="); name == key && plainKey(part) {
			return true
		}
	}
	return false
}

var keyAndValue = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,31}=[^=]`)

// plainKey tells of a part of a query whose key may be shown: a word with a value. A key without one may itself be what
// nobody is to see, and so may one before an = and nothing else: that is how Base64 ends.
func plainKey(part string) bool { return keyAndValue.MatchString(part) }
