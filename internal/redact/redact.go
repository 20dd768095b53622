// Package redact shows a store URL without any part that could be a secret.
//
// People paste what they have: a presigned URL, a shared access signature, a connection string, a user and a password.
// So URL does not look for secrets: it shows the parts that are certainly harmless, and "..." for the rest.
package redact

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// URL returns a URL for an error or a report: its scheme, its place (for example a bucket and a folder), the keys of
// its query, and the values that cannot be secrets. If it may have a user part, even a mistyped one, URL returns the
// scheme alone.
func URL(u *url.URL) string {
	switch {
	case u == nil || u.Scheme == "": // a connection string or a token has no scheme, and would be the path
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

// port returns a port with its colon. No store has a port, so in a store's URL it may be a password without its @place.
func port(u *url.URL) string {
	switch port := u.Port(); {
	case port == "":
		return ""
	case (u.Scheme == "http" || u.Scheme == "https") && len(port) <= len("65535"):
		return ":" + port
	}
	return ":..."
}

// Text does the work of URL for an unparsed URL. It shows nothing of a text that cannot be parsed.
func Text(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "..."
	}
	return URL(u)
}

// Hides reports whether URL shows only the scheme, because the place may hold a secret.
func Hides(u *url.URL) bool {
	return u.Opaque != "" && u.Scheme != "file" || // file:relative/directory
		mayHoldUser(u) || u.Host != "" && !plainHost.MatchString(u.Hostname()) || u.Scheme != "file" && mayHoldKey(u)
}

// plainHost matches the names of tables, buckets and accounts, but no connection string; plainPath does the same for a place that
// is in the path, such as a container in azblob:///container/folder.
var (
	plainHost = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	plainPath = regexp.MustCompile(`^/*($|\$?[A-Za-z0-9][A-Za-z0-9._@-]*(/|$))`)
)

// mayHoldKey reports whether the path may have a connection string in it, or a query: in azblob://account/container&sv=1&sig=secret
// the question mark is missing, and a %3F is escaped once too often. A folder may be dt=2026.
func mayHoldKey(u *url.URL) bool {
	return u.Host == "" && !plainPath.MatchString(u.Path) || strings.Contains(u.Path, "=") && strings.ContainsAny(u.Path, ";&?")
}

// mayHoldUser reports whether a URL may have a user part, even if the password has a sign that ends the place, as in
// gs://user:12/34@place and gs://user:?34@place. An @ in a folder's name must be written %40; in a directory's name it
// need not be, as in file:///home/me@example.com.
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

// harmless matches the values that may be shown, by their keys.
var harmless = map[string]*regexp.Regexp{
	"region":     regexp.MustCompile(`^[a-z]{2,4}(-[a-z]{2,12}){1,3}-[0-9]{1,2}$`),
	"path_style": truth,
	"create":     truth,
	"age":        truth,
}

var truth = regexp.MustCompile(`^(true|false)$`)

// query returns a query with its question mark, if there is one.
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

// HasKey reports whether a query has the key, in a form that may be shown.
func HasKey(rawQuery, key string) bool {
	for part := range strings.SplitSeq(rawQuery, "&") {
		if name, _, _ := strings.Cut(part, "="); name == key && plainKey(part) {
			return true
		}
	}
	return false
}

var keyAndValue = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,31}=[^=]`)

// plainKey reports whether the key in a part of a query may be shown: it is a word with a value. A key without a value
// may be a secret itself, and so may a key before a final =, because Base64 ends that way.
func plainKey(part string) bool { return keyAndValue.MatchString(part) }
