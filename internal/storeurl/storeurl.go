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

// Query returns the URL's query, of which only the known keys may be there, each once.
func Query(u *url.URL, known ...string) (url.Values, error) {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("%w: store URL %q: its query cannot be read: %w", lease.ErrMisconfigured, u.Redacted(), err)
	}
	for _, key := range slices.Sorted(maps.Keys(query)) {
		switch {
		case !slices.Contains(known, key) && len(known) == 0:
			return nil, fmt.Errorf("%w: store URL %q: the key %q is unknown; %s: has none", lease.ErrMisconfigured, u.Redacted(), key, u.Scheme)
		case !slices.Contains(known, key):
			return nil, fmt.Errorf("%w: store URL %q: the key %q is unknown; %s: knows %s",
				lease.ErrMisconfigured, u.Redacted(), key, u.Scheme, strings.Join(known, ", "))
		case len(query[key]) > 1:
			return nil, fmt.Errorf("%w: store URL %q: the key %q is there %d times", lease.ErrMisconfigured, u.Redacted(), key, len(query[key]))
		}
	}
	return query, nil
}
