package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/cloudlease/leader/internal/absent"
	"github.com/cloudlease/leader/internal/patience"
	"github.com/cloudlease/leader/lease"
)

// A source has the store that is checked: a URL, by which each node has a manager to itself, or one manager for all.
type source struct {
	url     string
	manager lease.Manager
}

var (
	errNoStore = errors.New("there is no store: the manager is nil, or the URL empty")
	errMemory  = fmt.Errorf("%w: mem: is the memory of one process, and no store for several: use the URL of a store that all nodes share, such as file:///var/lib/leader",
		lease.ErrInvalid)
)

// open returns a manager for one node, which is to be closed. asURL, if it is not empty, is another URL of the same store.
func (d *doctor) open(ctx context.Context, asURL string) (lease.Manager, error) {
	switch {
	case schemeOf(d.url) == "mem":
		return nil, errMemory
	case d.url != "":
		if asURL == "" {
			asURL = d.url
		}
		// A client may keep the context, for the credentials that it gets later.
		return patience.Ask(context.WithoutCancel(ctx), d.timeout, func(ctx context.Context) (lease.Manager, error) { return lease.Open(ctx, asURL) })
	case absent.Is(d.manager):
		return nil, errNoStore
	}
	return d.manager, nil
}

// close closes a manager that open opened.
func (d *doctor) close(m lease.Manager) {
	if d.url != "" && m != nil {
		_ = lease.Close(m)
	}
}

// place returns the URL by which the store is known; empty if it has none.
func (d *doctor) place() string {
	if d.url != "" {
		return d.url
	}
	return lease.PlaceOf(d.manager)
}

// schemeOf returns the kind of store.
func schemeOf(place string) string {
	u, err := url.Parse(place)
	if err != nil {
		return ""
	}
	return u.Scheme
}
