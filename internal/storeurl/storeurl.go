// Package storeurl reads the URLs that name stores. Its errors are ErrMisconfigured, and show no part of a URL that
// could be a secret. If a URL is the address of a cloud's service, the error says how to write it as a store URL.
package storeurl

import (
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudlease/leader/internal/redact"
	"github.com/cloudlease/leader/lease"
)

// Refuse returns the error for an unusable URL: the reason, and the form to use instead, such as gs://bucket/folder.
// The reason must not repeat more of the URL than redact.URL shows.
func Refuse(u *url.URL, why, form string) error { return Wrong(u, why, "use "+form) }

// Wrong returns the error for a URL with something wrong in it, and what to do about that. Neither may repeat more of the
// URL than redact.URL shows.
func Wrong(u *url.URL, why, advice string) error {
	if cloud, form := redact.Cloud(u.Hostname()); form != "" {
		why, advice = cloud, form
	}
	return &lease.MisconfiguredError{Err: fmt.Errorf("store URL %q: %s", redact.URL(u), why), Advice: advice}
}

// Query returns the URL's query. Each of its keys must be known, be there once, and have a value: one from a variable that is not set
// would else count as not given, and leave out expected_bucket_owner, for example. The value of region must look like
// a region's name, because it becomes a part of a host name, which an SDK's errors repeat. Query refuses a URL whose
// place may hold a secret, because a store's errors name its place.
func Query(u *url.URL, known ...string) (url.Values, error) {
	if redact.Hides(u) {
		form := "://place/folder, with an @ as %40, and a folder with other signs as the key prefix,"
		if u.Scheme == "file" {
			form = ":///directory, without a : before an @,"
		}
		return nil, Wrong(u, "there may be a user, a password or a key in it",
			"write it as "+u.Scheme+form+" and give the credentials in the environment")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, Wrong(u, "its query cannot be read", "write it as key=value&key=value, with other signs as %XX")
	}
	for _, key := range slices.Sorted(maps.Keys(query)) {
		switch {
		case !slices.Contains(known, key):
			return nil, Wrong(u, unknown(u, key), knows(u.Scheme, known))
		case len(query[key]) > 1:
			return nil, Wrong(u, fmt.Sprintf("the key %q is there %d times", key, len(query[key])), "write it once")
		case query.Get(key) == "":
			return nil, Wrong(u, fmt.Sprintf("the key %q has no value", key), "write a value, or leave it out")
		}
	}
	if region := query.Get("region"); region != "" && !regionName.MatchString(region) {
		return nil, Wrong(u, "region is the name of a region", "write it as region=eu-west-1")
	}
	return query, nil
}

// regionName also matches regions of other clouds with S3's or DynamoDB's protocol: auto, fr-par, eu-central-003.
var regionName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,24}$`)

func unknown(u *url.URL, key string) string {
	if redact.HasKey(u.RawQuery, key) {
		return fmt.Sprintf("the key %q is unknown", key)
	}
	return "it has a key that is unknown"
}

// knows says what to do about an unknown key.
func knows(scheme string, known []string) string {
	if len(known) == 0 {
		return "leave it out: " + scheme + " knows no keys"
	}
	return "use a key that " + scheme + " knows: " + strings.Join(known, ", ")
}

// Bool returns the value of a key of the query, true or false, and whether the query has the key.
func Bool(u *url.URL, query url.Values, key string) (value, given bool, err error) {
	text := query.Get(key)
	if text == "" {
		return false, false, nil
	}
	if value, err = strconv.ParseBool(text); err != nil {
		return false, true, Wrong(u, key+" is true or false", "write it as "+key+"=true")
	}
	return value, true, nil
}

// Choice returns the option for the value of a key that is true or false; none if the query does not have the key.
func Choice[Option any](u *url.URL, query url.Values, key string, yes, no Option) ([]Option, error) {
	switch value, given, err := Bool(u, query, key); {
	case err != nil || !given:
		return nil, err
	case value:
		return []Option{yes}, nil
	}
	return []Option{no}, nil
}

// Endpoint returns the server address in the query's key endpoint: http or https, a host and perhaps a path; empty if
// there is none. It refuses anything else in the address, because an SDK's errors repeat it.
func Endpoint(u *url.URL, query url.Values) (string, error) {
	text := query.Get("endpoint")
	if text == "" {
		return "", nil
	}
	if !IsEndpoint(text) {
		return "", Wrong(u, "endpoint is the address of a server, without a user or a query",
			"write it as endpoint=http://127.0.0.1:9000, and give the credentials in the environment")
	}
	return text, nil
}

// IsEndpoint reports whether a text is the address of a server and nothing more, so that it may be shown.
func IsEndpoint(text string) bool {
	e, err := url.Parse(text)
	return err == nil && (e.Scheme == "http" || e.Scheme == "https") && e.Hostname() != "" && !strings.ContainsAny(text, "@?#") &&
		len(e.Port()) <= len("65535") // a longer one may be a password
}

// Directory returns the directory that a URL of the scheme file names, on Windows or elsewhere.
func Directory(u *url.URL, windows bool) (string, error) {
	refuse := func(why string) error {
		return Refuse(u, why, "file:///absolute/directory or file:relative/directory")
	}
	if u.User != nil || (u.Host != "" && u.Host != "localhost") {
		return "", refuse("it names a host, and the directory is on this machine")
	}
	if u.Fragment != "" {
		return "", refuse("a # in the directory's name is written %23")
	}
	dir := u.Path
	if u.Opaque != "" {
		var err error
		if dir, err = url.PathUnescape(u.Opaque); err != nil {
			return "", refuse("a % in the directory's name is written %25")
		}
	}
	if dir == "" {
		return "", refuse("it names no directory")
	}
	if windows && len(dir) > 2 && dir[0] == '/' && dir[2] == ':' {
		dir = dir[1:] // file:///C:/dir
	}
	return filepath.FromSlash(dir), nil
}

// Place returns the URL that names a store's place, as Open takes it, in its most readable form. Empty values of the query are
// left out. The query has only what belongs to the place, and so no credentials.
func Place(scheme, host, path string, query map[string]string) string {
	u := url.URL{Scheme: scheme, Host: host, Path: path}
	u.RawPath = strings.ReplaceAll(u.EscapedPath(), "@", "%40") // see Query
	values := url.Values{}
	for key, value := range query {
		if value != "" {
			values.Set(key, value)
		}
	}
	u.RawQuery = strings.NewReplacer("%2F", "/", "%3A", ":").Replace(values.Encode())
	return u.String()
}

// PlaceIn does the work of Place for a prefix in a bucket or a container. The prefix is a folder in the path, if it can be
// written as one, or else the value of the key prefix.
func PlaceIn(scheme, host, path, prefix string, query map[string]string) string {
	if prefix == "" {
		return Place(scheme, host, path, query)
	}
	if folder := strings.Trim(prefix, "/"); folder != "" && folder+"/" == prefix {
		place := Place(scheme, host, path+"/"+folder, query)
		if u, err := url.Parse(place); err == nil && !redact.Hides(u) {
			return place
		}
	}
	query = maps.Clone(query)
	if query == nil {
		query = map[string]string{}
	}
	query["prefix"] = prefix
	return Place(scheme, host, path, query)
}
