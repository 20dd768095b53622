// Package storeurl reads the URLs that name stores. Its errors are ErrMisconfigured, and show no part of a URL that
// could be a secret. If a URL is the address of a cloud's service, the error says how to write it as a store URL.
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

// Refuse returns the error for an unusable URL: the reason, and the form to use instead, such as gs://bucket/folder.
// The reason must not repeat more of the URL than redact.URL shows.
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

// Query returns the URL's query. Each of its keys must be known, and be there once. The value of region must look like
// a region's name, because it becomes a part of a host name, which an SDK's errors repeat. Query refuses a URL whose
// place may hold a secret, because a store's errors name its place.
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

// regionName also matches regions of other clouds with S3's or DynamoDB's protocol: auto, fr-par, eu-central-003.
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

// Bool returns the value of a key of the query, true or false, and whether the query has the key.
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

// Endpoint returns the server address in the query's key endpoint: http or https, a host and perhaps a path; empty if
// there is none. It refuses anything else in the address, because an SDK's errors repeat it.
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
