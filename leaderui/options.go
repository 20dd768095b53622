package leaderui

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The defaults of WithEvery, WithRequests and WithTimeout, and bounds.
const (
	DefaultEvery    = 2 * time.Second
	DefaultRequests = 25.0
	DefaultTimeout  = 30 * time.Second
	MinEvery        = 200 * time.Millisecond
	MaxRequests     = 1_000_000
	// MinToken is the length of the shortest token that WithToken takes.
	MinToken = 16
)

// An Option changes what New makes.
type Option func(*options)

type options struct {
	every    time.Duration
	rate     float64
	patience time.Duration
	actions  bool
	token    *string // nil: none is asked for, which an empty one does not mean
	header   *string // likewise
	hosts    []string
}

// WithEvery sets how long to wait between two looks at the store, at least: [DefaultEvery] without it, and never less than [MinEvery].
func WithEvery(every time.Duration) Option { return func(o *options) { o.every = every } }

// WithRequests bounds the requests to the store, in a second, on average: [DefaultRequests] without it. With many leases, looks come less often, so
// that this bound holds. On DynamoDB, which bills a list by the size of what it reads, 4 KB count as a request.
func WithRequests(perSecond float64) Option { return func(o *options) { o.rate = perSecond } }

// WithTimeout sets how long the store may take for an answer: [DefaultTimeout] without it, and a millisecond at least.
func WithTimeout(timeout time.Duration) Option { return func(o *options) { o.patience = timeout } }

// WithActions lets people break leases, ask leaders to hand over, and drain the nodes of fleets, from the page. Without it, the page only reads.
func WithActions() Option { return func(o *options) { o.actions = true } }

// WithToken asks each browser for a token: as the password of HTTP's Basic authentication, with any user name, or as a Bearer token.
// It has [MinToken] bytes at least. Without TLS it can be read on the way.
func WithToken(token string) Option { return func(o *options) { o.token = &token } }

// WithProxyHeader refuses requests without this header, in which a reverse proxy names the user that it has let in. Let nobody but the
// proxy reach the page, and let the proxy remove the header from what browsers send.
func WithProxyHeader(name string) Option { return func(o *options) { o.header = &name } }

// WithHosts names more hosts, without ports, under which browsers may ask for the page. Without it, these are localhost, the names below
// it, and all IP addresses: so a foreign page whose name points to this address (DNS rebinding) reads nothing.
func WithHosts(hosts ...string) Option {
	return func(o *options) { o.hosts = append(slices.Clip(o.hosts), hosts...) }
}

// Validate returns what is wrong with options; nil if nothing is.
func Validate(opts ...Option) error { return optionsOf(opts).validate() }

func optionsOf(opts []Option) options {
	o := options{every: DefaultEvery, rate: DefaultRequests, patience: DefaultTimeout}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	return o
}

func (o options) validate() error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("leaderui: "+format, args...))
		}
	}
	refuse(o.every < MinEvery, "WithEvery: %v is less than %v", o.every, MinEvery)
	refuse(!(o.rate > 0) || o.rate > MaxRequests, "WithRequests: %v is no number of requests in a second: give one above 0, up to %d", o.rate, MaxRequests)
	refuse(o.patience <= 0, "WithTimeout: %v is not positive", o.patience)
	refuse(o.patience > 0 && o.patience < time.Millisecond,
		"WithTimeout: %v is less than %v: a number without a unit is nanoseconds: write 30*time.Second, say", o.patience, time.Millisecond)
	if o.token != nil {
		refuse(len(*o.token) < MinToken, "WithToken: the token has %d bytes, and can be guessed: give it %d at least", len(*o.token), MinToken)
	}
	if o.header != nil {
		refuse(*o.header == "" || strings.ContainsAny(*o.header, " \t\r\n:"), "WithProxyHeader: %q is no name of a header", *o.header)
	}
	return errors.Join(errs...)
}
