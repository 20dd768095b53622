// Package storeurl reads the URLs that name stores. Its errors are ErrMisconfigured, and show nothing of a URL that could be
// a secret; whatever is wrong with a URL of a cloud's own host, they say how to write it as a store URL.
package storeurl

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudlease/leader/internal/redact"
	"github.com/cloudlease/leader/lease"
)

// Refuse is the error of a URL that cannot be used: why, and the form that it is to have, such as gs://bucket/folder. The
// reason must not repeat more of the URL than redact.URL shows.
func Refuse(u *url.URL, why, form string) error {
	return refuse(u, "%s: use %s", why, form)
}

func refuse(u *url.URL, format string, args ...any) error {
	why := redact.Advice(u.Hostname())
	if why == "" {
		why = fmt.Sprintf(format, args...)
	}
	return fmt.Errorf("%w: store URL %q: %s", lease.ErrMisconfigured, redact.URL(u), why)
}

// Query returns the URL's query. Each key is one of those known and is there once; region is the name of a region, as it
// becomes a part of a host's name, which an SDK's errors repeat. A URL whose place may have a secret in it is refused, as a
// store's errors name their place.
func Query(u *url.URL, known ...string) (url.Values, error) {
	if redact.Hides(u) {
		return nil, refuse(u, "there may be a user or a password in it: write it as %s://place/folder, with an @ as %%40, and give the credentials in the environment", u.Scheme)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, refuse(u, "its query cannot be read: write it as key=value&key=value, with other signs as %%XX")
	}
	for _, key := range slices.Sorted(maps.Keys(query)) {
		switch {
		case !slices.Contains(known, key):
			return nil, refuse(u, "%s; %s: %s", unknown(u, key), u.Scheme, knows(known))
		case len(query[key]) > 1:
			return nil, refuse(u, "the key %q is there %d times", key, len(query[key]))
		}
	}
	if region := query.Get("region"); region != "" && !regionName.MatchString(region) {
		return nil, refuse(u, "region is the name of a region, as region=eu-west-1")
	}
	return query, nil
}

// regionName has room for those of other clouds with S3's or DynamoDB's protocol: auto, fr-par, eu-central-003.
var regionName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,24}$`)

func unknown(u *url.URL, key string) string {
	if redact.HasKey(u.RawQuery, key) {
		return fmt.Sprintf("the key %q is unknown", key)
	}
	return "it has a key that is unknown"
}

func knows(known []string) string {
	if len(known) == 0 {
		return "has none"
	}
	return "knows " + strings.Join(known, ", ")
}

// Bool returns what a key of the query says, true or false, and whether it says anything.
func Bool(u *url.URL, query url.Values, key string) (value, given bool, err error) {
	text := query.Get(key)
	if text == "" {
		return false, false, nil
	}
	if value, err = strconv.ParseBool(text); err != nil {
		return false, true, refuse(u, "%s is true or false, as %s=true", key, key)
	}
	return value, true, nil
}

// Endpoint returns the address of another server that the query's key endpoint gives: http or https, a host and perhaps a
// path; empty if it gives none. Nothing else may be there, as an SDK's errors repeat it.
func Endpoint(u *url.URL, query url.Values) (string, error) {
	text := query.Get("endpoint")
	if text == "" {
		return "", nil
	}
	e, err := url.Parse(text)
	if err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Hostname() == "" || strings.ContainsAny(text, "@?#") {
		return "", refuse(u, "endpoint is the address of a server, as endpoint=http://127.0.0.1:9000, without a user or a query: "+
			"give the credentials in the environment")
	}
	return text, nil
}
