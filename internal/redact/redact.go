// Package redact shows a store URL without anything in it that could be a secret.
package redact

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// URL shows a URL for an error or a report: its scheme, place and folder, the keys of its query, and of their values only
// those that cannot be secrets. A user part, an opaque part, a fragment and what may be a mistyped user part are left out: a
// pasted URL may have a password, a presigned query or a shared access signature anywhere in it.
func URL(u *url.URL) string {
	var b strings.Builder
	if u.Scheme != "" {
		b.WriteString(u.Scheme + ":")
	}
	if u.Opaque != "" || mayHoldUser(u) {
		b.WriteString("...")
		return b.String()
	}
	if u.Host != "" || u.Path != "" {
		place := url.URL{Host: u.Host, Path: u.Path, RawPath: u.RawPath}
		if u.Host == "" && u.Scheme != "" {
			b.WriteString("//")
		}
		b.WriteString(place.String())
	}
	if u.RawQuery != "" {
		b.WriteString("?" + query(u.RawQuery))
	}
	return b.String()
}

// Text is URL for one that is not parsed. What cannot be parsed is not shown at all.
func Text(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "..."
	}
	return URL(u)
}

// mayHoldUser tells of a URL with a user part, also a mistyped one: with a sign in the password that ends the place, as in
// gs://user:12/34@place. An @ alone may as well be part of a folder's name.
func mayHoldUser(u *url.URL) bool {
	if u.User != nil {
		return true
	}
	before, _, found := strings.Cut(u.Host+u.Path, "@")
	return found && strings.Contains(before, ":")
}

// harmless has the values that are shown, by their keys.
var harmless = map[string]*regexp.Regexp{
	"region":     regexp.MustCompile(`^[a-z]{2,4}(-[a-z]{2,12}){1,3}-[0-9]{1,2}$`),
	"path_style": truth,
	"create":     truth,
	"age":        truth,
}

var truth = regexp.MustCompile(`^(true|false|0|1)$`)

// plainKey is what a key looks like that is shown: a word, followed by its value.
var plainKey = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,31}$`)

// query shows the keys of a query in their order.
func query(raw string) string {
	var parts []string
	for part := range strings.SplitSeq(raw, "&") {
		key, value, ok := strings.Cut(part, "=")
		switch {
		case !ok || !plainKey.MatchString(key): // which may itself be what nobody is to see
			key = "..."
		case harmless[key] != nil && harmless[key].MatchString(value):
			key += "=" + value
		default:
			key += "=..."
		}
		if !slices.Contains(parts, key) {
			parts = append(parts, key)
		}
	}
	return strings.Join(parts, "&")
}

// Keys are those of a query that may be shown, each once, in their order; the others are "...".
func Keys(rawQuery string) []string {
	var keys []string
	for part := range strings.SplitSeq(rawQuery, "&") {
		key, _, ok := strings.Cut(part, "=")
		if !ok || !plainKey.MatchString(key) {
			key = "..."
		}
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// clouds are hosts of the clouds' own, with how a store URL names the same place.
var clouds = []struct {
	host *regexp.Regexp
	form string
}{
	{regexp.MustCompile(`(^|\.)s3[.-]([a-z0-9-]+\.)*amazonaws\.com(\.cn)?$`), "s3://bucket/folder?region=eu-west-1"},
	{regexp.MustCompile(`(^|\.)dynamodb\.([a-z0-9-]+\.)*amazonaws\.com(\.cn)?$`), "dynamodb://table?region=eu-west-1"},
	{regexp.MustCompile(`(^|\.)storage\.(googleapis|cloud\.google)\.com$`), "gs://bucket/folder"},
	{regexp.MustCompile(`\.(blob|dfs)\.([a-z0-9-]+\.)*(core\.(windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)|storage\.azure\.net)$`), "azblob://account/container/folder"},
}

// Advice says how to write the store URL of what a cloud's own host names, such as
// https://bucket.s3.eu-west-1.amazonaws.com/key; empty if the host is none.
func Advice(host string) string {
	host = strings.ToLower(host)
	for _, c := range clouds {
		if c.host.MatchString(host) {
			return fmt.Sprintf("this is the address of a cloud's service: name the place in it as %s, and give the credentials by the environment", c.form)
		}
	}
	return ""
}
