// Package storeurl reads the URLs that name stores.
package storeurl

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudlease/leader/internal/redact"
	"github.com/cloudlease/leader/lease"
)

// Refuse is the ErrMisconfigured of a URL that cannot be used: the URL as it may be shown, why, and how to write it, unless
// the host is a cloud's own, which gets its own advice. Like all errors of this package it leaves out what may be a secret.
func Refuse(u *url.URL, why, form string) error {
	if advice := redact.Advice(u.Hostname()); advice != "" {
		return fmt.Errorf("%w: store URL %q: %s", lease.ErrMisconfigured, redact.URL(u), advice)
	}
	return fmt.Errorf("%w: store URL %q: %s: use %s", lease.ErrMisconfigured, redact.URL(u), why, form)
}

// Query returns the URL's query, of which only the known keys may be there, each once.
func Query(u *url.URL, known ...string) (url.Values, error) {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: store URL %q: %s", lease.ErrMisconfigured, redact.URL(u), fmt.Sprintf(format, args...))
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, wrong("its query cannot be read: write it as key=value&key=value, with other signs as %%XX")
	}
	if u.RawQuery == "" {
		return query, nil
	}
	for _, key := range redact.Keys(u.RawQuery) {
		switch {
		case key == "" || slices.Contains(known, key):
		case len(known) == 0:
			return nil, wrong("the key %q is unknown; %s: has none", key, u.Scheme)
		default:
			return nil, wrong("the key %q is unknown; %s: knows %s", key, u.Scheme, strings.Join(known, ", "))
		}
	}
	for _, key := range known {
		if len(query[key]) > 1 {
			return nil, wrong("the key %q is there %d times", key, len(query[key]))
		}
	}
	for key := range query { // one that is written with %XX, and so not among those that may be shown
		if !slices.Contains(known, key) {
			return nil, wrong("it has an unknown key; %s: knows %s", u.Scheme, strings.Join(known, ", "))
		}
	}
	return query, nil
}

// Bool returns what a key of the query says, true or false; given: it is there.
func Bool(u *url.URL, query url.Values, key string) (value, given bool, err error) {
	text := query.Get(key)
	if text == "" {
		return false, false, nil
	}
	if value, err = strconv.ParseBool(text); err != nil {
		return false, true, fmt.Errorf("%w: store URL %q: %s is true or false", lease.ErrMisconfigured, redact.URL(u), key)
	}
	return value, true, nil
}

// Endpoint returns the address of another server that the query's key endpoint gives; empty if it gives none. It is http or
// https and a host. A user part or a query is refused: an SDK would repeat it in its errors.
func Endpoint(u *url.URL, query url.Values) (string, error) {
	text := query.Get("endpoint")
	if text == "" {
		return "", nil
	}
	e, err := url.Parse(text)
	if err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Host == "" || e.User != nil || e.RawQuery != "" || e.Fragment != "" {
		return "", fmt.Errorf("%w: store URL %q: endpoint is http://host:port or https://host:port, with nothing else in it, as endpoint=http%%3A%%2F%%2F127.0.0.1%%3A9000; "+
			"credentials come from the environment", lease.ErrMisconfigured, redact.URL(u))
	}
	return text, nil
}
