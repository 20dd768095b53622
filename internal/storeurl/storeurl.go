// Package storeurl reads the URLs that name stores.
package storeurl

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/cloudlease/leader/lease"
)

// Query returns the URL's query, of which only the known keys may be there, each once. Its errors leave the values out: a key
// that does not belong there may come with a secret, as that of a shared access signature does.
func Query(u *url.URL, known ...string) (url.Values, error) {
	query, err := url.ParseQuery(u.RawQuery)
	place := *u
	place.RawQuery = ""
	if err != nil {
		return nil, fmt.Errorf("%w: store URL %q: its query cannot be read: write it as key=value&key=value, with other signs as %%XX",
			lease.ErrMisconfigured, place.Redacted())
	}
	for _, key := range slices.Sorted(maps.Keys(query)) {
		switch {
		case !slices.Contains(known, key) && len(known) == 0:
			return nil, fmt.Errorf("%w: store URL %q: the key %q is unknown; %s: has none", lease.ErrMisconfigured, place.Redacted(), key, u.Scheme)
		case !slices.Contains(known, key):
			return nil, fmt.Errorf("%w: store URL %q: the key %q is unknown; %s: knows %s",
				lease.ErrMisconfigured, place.Redacted(), key, u.Scheme, strings.Join(known, ", "))
		case len(query[key]) > 1:
			return nil, fmt.Errorf("%w: store URL %q: the key %q is there %d times", lease.ErrMisconfigured, place.Redacted(), key, len(query[key]))
		}
	}
	return query, nil
}
