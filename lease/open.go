package lease

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// An Opener makes the Manager for a URL. It refuses query keys that it does not know, and names those it does.
type Opener func(ctx context.Context, u *url.URL) (Manager, error)

var (
	openersMu sync.Mutex
	openers   = map[string]Opener{}
)

// packages are where the schemes of this module come from.
var packages = map[string]string{
	"mem":      "github.com/cloudlease/leader/lease/memory",
	"file":     "github.com/cloudlease/leader/lease/file",
	"dynamodb": "github.com/cloudlease/leader/lease/dynamodb",
	"s3":       "github.com/cloudlease/leader/lease/s3",
	"gs":       "github.com/cloudlease/leader/lease/gcs",
	"azblob":   "github.com/cloudlease/leader/lease/azblob",
}

// Register makes Open know a URL scheme. A package calls it when it is imported; a scheme that is registered twice is
// a mistake in the program, and panics.
func Register(scheme string, open Opener) {
	openersMu.Lock()
	defer openersMu.Unlock()
	if _, twice := openers[scheme]; twice || open == nil {
		panic(fmt.Sprintf("lease: Register(%q): registered twice, or without an Opener", scheme))
	}
	openers[scheme] = open
}

// Open returns the Manager for a URL such as dynamodb://leases?region=eu-west-1 or file:///var/lib/leader. The package
// of the scheme must be imported, if only for that: import _ "github.com/cloudlease/leader/lease/dynamodb". Use Close
// when the manager is no longer needed. A URL that cannot be used is an ErrMisconfigured.
func Open(ctx context.Context, rawURL string) (Manager, error) {
	u, err := url.Parse(rawURL)
	if err != nil { // whose text repeats parts of the URL, which may hold a password
		return nil, fmt.Errorf("%w: this is not a store URL, as file:///var/lib/leader is one; what is no letter or digit may have to be written as %%XX", ErrMisconfigured)
	}
	m, err := openURL(ctx, u)
	if err != nil && mayShowPassword(u) {
		return nil, fmt.Errorf("%w: store URL of the scheme %q: it cannot be used, and is not repeated here since what is before an @ in it may be a password: "+
			"write it as scheme://place/folder, and an @ as %%40", ErrMisconfigured, u.Scheme)
	}
	return m, err
}

func openURL(ctx context.Context, u *url.URL) (Manager, error) {
	openersMu.Lock()
	open, known := openers[u.Scheme]
	schemes := slices.Sorted(maps.Keys(openers))
	openersMu.Unlock()
	switch {
	case known:
		return open(ctx, u)
	case packages[u.Scheme] != "":
		return nil, fmt.Errorf("%w: store URL %q: import _ %q to open it", ErrMisconfigured, u.Redacted(), packages[u.Scheme])
	}
	return nil, fmt.Errorf("%w: store URL %q: the scheme %q is unknown; imported here are: %s; import the package of another",
		ErrMisconfigured, u.Redacted(), u.Scheme, strings.Join(schemes, ", "))
}

// mayShowPassword tells of a URL that Redacted may leave a password in: one without its two slashes, s3:user:password@place,
// or with a sign in the password that ends the place, gs://user:12/34@place. An @ alone may as well be part of a folder's name.
func mayShowPassword(u *url.URL) bool {
	shown := *u
	shown.User = nil
	before, _, found := strings.Cut(strings.TrimPrefix(shown.String(), u.Scheme+":"), "@")
	return found && (u.User != nil || u.Opaque != "" || strings.Contains(before, ":"))
}
