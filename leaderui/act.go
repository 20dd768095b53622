package leaderui

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/cloudlease/leader/lease"
)

// actTimeout is how long the store may take for what a person does.
const actTimeout = 20 * time.Second

// mostForm bounds what a browser sends.
const mostForm = 16 << 10

// breakLease takes a lease from the holder that the page has shown, and from no other.
func (u *UI) breakLease(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, "the form cannot be read: %v", err)
		return
	}
	name, id, holder := r.PostForm.Get("lease"), r.PostForm.Get("id"), r.PostForm.Get("holder")
	if name == "" || id == "" {
		refuse(w, http.StatusBadRequest, "name the lease, and its holder by the ID of the acquisition: lease, id and holder")
		return
	}
	// It ends even if the browser leaves, so that nobody wonders.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), actTimeout)
	defer cancel()
	seen, err := lease.Inspect(ctx, u.reader.manager, name)
	switch {
	case err != nil:
		refuse(w, http.StatusBadGateway, "nothing was changed: the lease cannot be read: %v", err)
		return
	case !heldNow(seen, id) || seen.Holder != holder:
		u.refuseChanged(w, seen, holder)
		return
	}
	err = lease.Break(ctx, u.reader.manager, seen)
	u.reader.now()
	held, changed := errors.AsType[*lease.HeldError](err)
	switch {
	case changed:
		u.refuseChanged(w, held.Info, holder)
	case errors.Is(err, errors.ErrUnsupported):
		refuse(w, http.StatusNotImplemented, "nothing was changed: this store cannot break leases; stop the holder, or wait")
	case err != nil:
		refuse(w, http.StatusBadGateway, "the lease may be broken or not: %v; look at it again", err)
	default:
		w.Header().Set("Location", "./"+query{}.To(name)) // http.Redirect would not know of a prefix that was stripped
		w.WriteHeader(http.StatusSeeOther)
	}
}

func (u *UI) refuseChanged(w http.ResponseWriter, now lease.Info, holder string) {
	if now.State != lease.Held || now.Broken {
		refuse(w, http.StatusConflict, "nothing was changed: %q no longer holds the lease %q, and nobody does", holder, now.Name)
		return
	}
	refuse(w, http.StatusConflict, "nothing was changed: the lease %q has changed hands: %q holds it now, with token %d; look at it again", now.Name, now.Holder, now.Token)
}
