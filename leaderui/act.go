package leaderui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
)

// actTimeout is how long the store may take for what a person does.
const actTimeout = 20 * time.Second

// mostForm bounds what a browser sends.
const mostForm = 16 << 10

// An action is something that a person does to a lease. It is done to the holder that the page has shown, and to no other.
type action struct {
	check  func(form url.Values) error // what the form lacks; nil: nothing
	do     func(ctx context.Context, m lease.Manager, seen lease.Info, r *http.Request) error
	unable string // what to say of a store that cannot
	may    string // what may be after an error
}

// actions are those of a page with WithActions, by their paths.
var actions = map[string]action{
	"break": {
		do: func(ctx context.Context, m lease.Manager, seen lease.Info, _ *http.Request) error {
			return lease.Break(ctx, m, seen)
		},
		unable: "this store cannot break leases; stop the holder, or wait", may: "the lease may be broken or not",
	},
	"handover": {
		check: func(form url.Values) error {
			if form.Get("to") == "" {
				return errors.New("name the node that is to lead next: to")
			}
			return nil
		},
		do:     handOver,
		unable: "nobody can be asked through this store; stop the holder, and another node leads", may: "the holder may be asked or not",
	},
	"drain": {
		do:     drain,
		unable: "nobody can be asked through this store; stop the node, and it drains", may: "the node may be asked or not",
	},
}

// drain asks the node in a seat to give its parts away and take none, or to take parts again.
func drain(ctx context.Context, m lease.Manager, seen lease.Info, r *http.Request) error {
	w := lease.Wish{Kind: fleet.WishDrain, By: person}
	if r.PostForm.Has("cancel") {
		w.Kind = fleet.WishResume
	}
	return lease.Ask(ctx, m, seen, w)
}

// person is who asks, as the holder's log says.
const person = "a person at the page"

// handOver asks the holder to hand over to the node that the form names, or takes that back.
func handOver(ctx context.Context, m lease.Manager, seen lease.Info, r *http.Request) error {
	w := lease.Wish{Kind: lease.WishHandover, For: r.PostForm.Get("to"), By: person}
	if r.PostForm.Has("cancel") {
		seen.Wish = w
		return lease.Withdraw(ctx, m, seen)
	}
	if w.For == seen.Holder {
		return fmt.Errorf("%w: %q leads already", lease.ErrInvalid, w.For)
	}
	return lease.Ask(ctx, m, seen, w)
}

func (u *UI) act(w http.ResponseWriter, r *http.Request, a action) {
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
	if a.check != nil {
		if err := a.check(r.PostForm); err != nil {
			refuse(w, http.StatusBadRequest, "%v", err)
			return
		}
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
	err = a.do(ctx, u.reader.manager, seen, r)
	u.reader.now()
	held, changed := errors.AsType[*lease.HeldError](err)
	switch {
	case changed:
		u.refuseChanged(w, held.Info, holder)
	case errors.Is(err, errors.ErrUnsupported):
		refuse(w, http.StatusNotImplemented, "nothing was changed: %s", a.unable)
	case errors.Is(err, lease.ErrRefused):
		refuse(w, http.StatusConflict, "nothing was changed: %v", err)
	case errors.Is(err, lease.ErrInvalid):
		refuse(w, http.StatusBadRequest, "nothing was changed: %v", err)
	case err != nil:
		refuse(w, http.StatusBadGateway, "%s: %v; look at it again", a.may, err)
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
