package lease

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/cloudlease/leader/internal/redact"
)

// An Opener returns the Manager for a URL. It refuses query keys without a value, and those that it does not know, and names the known
// ones. Its errors repeat nothing of the URL that could be a secret: no user part, and no value of the query.
type Opener func(ctx context.Context, u *url.URL) (Manager, error)

var (
	openersMu sync.Mutex
	openers   = map[string]Opener{}
)

// packages maps the schemes of this module to the packages that register them.
var packages = map[string]string{
	"mem":      "github.com/cloudlease/leader/lease/memory",
	"file":     "github.com/cloudlease/leader/lease/file",
	"dynamodb": "github.com/cloudlease/leader/lease/dynamodb",
	"s3":       "github.com/cloudlease/leader/lease/s3",
	"gs":       "github.com/cloudlease/leader/lease/gcs",
	"azblob":   "github.com/cloudlease/leader/lease/azblob/byurl",
}

// Register makes a URL scheme known to Open. A package calls it when it is imported. It panics if the scheme is
// registered already, or open is nil, or no URL has the scheme (RFC 3986, 3.1) in lower case, as Open reads it: that is a mistake in the
// program.
func Register(scheme string, open Opener) {
	openersMu.Lock()
	defer openersMu.Unlock()
	if _, twice := openers[scheme]; twice || open == nil {
		panic(fmt.Sprintf("lease: Register(%q): registered twice, or without an Opener", scheme))
	}
	if u, err := url.Parse(scheme + ":"); err != nil || scheme == "" || u.Scheme != scheme {
		panic(fmt.Sprintf("lease: Register(%q): no URL has this scheme: use lower-case letters, digits, +, - and ., and begin with a letter", scheme))
	}
	openers[scheme] = open
}

// Open returns the Manager for a URL such as dynamodb://leases?region=eu-west-1 or file:///var/lib/leader. The program
// must import the package of the scheme: import _ "github.com/cloudlease/leader/lease/dynamodb". Call Close when the
// manager is no longer needed. If the URL cannot be used, the error is an ErrMisconfigured, which shows nothing of the URL
// that could be a secret.
func Open(ctx context.Context, rawURL string) (Manager, error) {
	u, err := url.Parse(rawURL)
	if err != nil { // which repeats parts of the URL
		return nil, &MisconfiguredError{
			Err:    errors.New("this is not a store URL, as file:///var/lib/leader is one"),
			Advice: "write other signs than letters and digits as %XX",
		}
	}
	openersMu.Lock()
	open, known := openers[u.Scheme]
	schemes := slices.Sorted(maps.Keys(openers))
	openersMu.Unlock()
	if known {
		return open(ctx, u)
	}
	why, advice := redact.Cloud(u.Hostname()) // https://bucket.s3.eu-west-1.amazonaws.com, say
	switch {
	case packages[u.Scheme] != "":
		why, advice = "its package is not imported", fmt.Sprintf("import _ %q to open it", packages[u.Scheme])
	case rawURL == "":
		err, advice = errors.New("the store URL is empty"), "name a store, as file:///var/lib/leader"
		return nil, &MisconfiguredError{Err: err, Advice: advice}
	case advice == "":
		why = "its scheme is unknown; imported here are: " + strings.Join(schemes, ", ")
		advice = "write it as one of these, or import the package of another"
	}
	return nil, &MisconfiguredError{Err: fmt.Errorf("store URL %q: %s", redact.URL(u), why), Advice: advice}
}
