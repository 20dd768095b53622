package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/cloudlease/leader/internal/patience"
	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

// unfit is the advice about a store that ignores conditions.
const unfit = "do not elect leaders here, several would lead at once: the store, or a proxy or cache before it, passes over the " +
	"conditions of writes; update the server, go round the proxy, or use another store"

func (d *doctor) checkOpen(ctx context.Context) Finding {
	if d.timeout < time.Millisecond {
		return wrong("give the store some seconds", "the timeout for one answer of the store, %v, is less than %v: in Go, a number without a unit is nanoseconds",
			d.timeout, time.Millisecond)
	}
	for i := range timed {
		m, err := d.open(ctx, "")
		switch {
		case errors.Is(err, errNoStore):
			return wrong("give Check a lease manager, or CheckURL the URL of a store", "%s", oneLine(err))
		case err != nil:
			return wrong("correct the store's URL as it says", "%s", oneLine(err))
		}
		d.nodes[i] = m
	}
	d.limits = lease.LimitsOf(d.nodes[0])
	d.tried = usual(d.limits)
	d.report.Limits = Limits{
		d.limits.MinLength.Seconds(), d.limits.MaxLength.Seconds(), d.limits.LengthStep.Seconds(), d.limits.WriteEvery.Seconds(),
	}
	d.report.Store = lease.PlaceOf(d.nodes[0])
	if name := d.network(d.report.Store); name != "" {
		return Finding{Result: Warning, Detail: fmt.Sprintf("%s, which is on a network file system (%s)", d.report.Store, name),
			Advice: "use a directory on a disk of this machine, or, for several machines, a store that is a service: the locks and renames " +
				"of such a file system may let several lead at once"}
	}
	return fine("%s", d.report.Store)
}

// network returns the name of the network file system that a store is on; empty if it is on none, or that cannot be told: an
// error is for the checks that use the directory.
func (d *doctor) network(place string) string {
	u, err := url.Parse(place)
	if err != nil || u.Scheme != "file" {
		return ""
	}
	dir, err := storeurl.Directory(u, runtime.GOOS == "windows")
	if err != nil {
		return ""
	}
	name, err := d.networkFS(dir)
	if err != nil {
		return ""
	}
	return name
}

func (d *doctor) checkRead(ctx context.Context) Finding {
	info, err := d.inspect(ctx, 0)
	if err == nil {
		err = d.findPlace(ctx, info)
	}
	alive := false
	if err == nil && !d.anew && isDoctors(info) {
		info, alive, err = d.outwatch(ctx, info)
	}
	switch {
	case err != nil:
		return refused(err)
	case info.State == lease.Free && info.Token == 0:
	case d.anew:
		return wrong("use the store itself, without a cache before it", "there is a lease that nobody else should use: %q, %v", d.name, info.State)
	case !isDoctors(info):
		return wrong("give that lease another name, or "+otherwise, "the lease that doctor tries, %q, is in use: %q was the last to take it", d.name, info.Holder)
	case alive:
		return wrong("wait until that one has ended, then check again, or "+otherwise, "another doctor is at work here: it has lease %q", d.name)
	case info.State == lease.Held:
		return wrong("wait until the lease has run out, then check again, or "+otherwise, "another doctor is at work here, or was killed: lease %q is held, for %v",
			d.name, cmp.Or(info.RetryAfter, info.Length).Round(time.Second))
	default:
		d.used = true
	}
	return fine("reached; a lease may be read")
}

// otherwise says how to check while another uses the lease that is tried: see WithNewLease.
const otherwise = "check with a new lease"

// isDoctors reports whether the latest to hold a lease was a doctor: also if somebody has taken it away from a doctor that was killed.
func isDoctors(info lease.Info) bool {
	return strings.HasPrefix(info.Holder, doctorsName) || info.Broken && strings.HasPrefix(info.Attributes["broken"], doctorsName)
}

const outwatchEvery = time.Second // between two looks at the lease of another doctor

// outwatch watches the lease of another doctor, until it has run out, or is seen to change: then that doctor is alive. A store that cannot
// tell how old a record is would say for ever that a doctor which was killed holds it. outwatch does not wait for a lease that runs longer
// than those of doctors.
func (d *doctor) outwatch(ctx context.Context, seen lease.Info) (now lease.Info, alive bool, err error) {
	until := time.Now().Add(d.tried + 2*outwatchEvery)
	for seen.State == lease.Held && cmp.Or(seen.RetryAfter, seen.Length) <= d.tried && time.Now().Before(until) {
		d.progress("read: another doctor is at work here, or was killed: until its lease has run out ...")
		if !patience.Wait(ctx, min(cmp.Or(seen.RetryAfter, outwatchEvery), outwatchEvery)) {
			return seen, false, context.Cause(ctx)
		}
		now, err := d.inspect(ctx, 0)
		if err != nil {
			return seen, false, err
		}
		if now.ID != seen.ID || now.Version != seen.Version {
			return now, true, nil
		}
		seen = now
	}
	return seen, false, nil
}

// findPlace is an error if a lease was never taken because the place of the leases is not there.
func (d *doctor) findPlace(ctx context.Context, found lease.Info) error {
	if found.State != lease.Free || found.Token != 0 {
		return nil
	}
	return patience.Tell(ctx, d.timeout, func(ctx context.Context) error { return lease.FindPlace(ctx, d.nodes[0]) })
}

func (d *doctor) checkList(ctx context.Context) Finding {
	if _, err := d.list(ctx, d.name); err != nil {
		f := refused(err)
		f.Result = Warning
		if d.report.results["create"] == Well {
			f.Advice = "only lists of leases and of checkpoints, leaderui and fleet.Reset need it: do what that says, or leave it"
		}
		return f
	}
	return fine("leases may be listed")
}

// list returns the names of the leases that begin with the prefix.
func (d *doctor) list(ctx context.Context, prefix string) (names []string, err error) {
	for info, err := range patience.Each(ctx, d.timeout, func(ctx context.Context) iter.Seq2[lease.Info, error] { return lease.List(ctx, d.nodes[0], prefix) }) {
		if err != nil {
			return nil, err
		}
		names = append(names, info.Name)
	}
	return names, nil
}

// checkCreate lets several create the lease at once, and succeeds if one of them could.
func (d *doctor) checkCreate(ctx context.Context) Finding {
	won, err := d.race(ctx)
	d.firsts = len(won)
	if err == nil {
		err = d.releaseAll(ctx)
	}
	if err != nil {
		return refused(err)
	}
	return fine("leases may be taken and released")
}

// checkFirst judges the creation further: only the condition that there is no record keeps several from creating
// it.
func (d *doctor) checkFirst(context.Context) Finding {
	if d.used {
		return Finding{Result: Skipped, Detail: "an earlier doctor has tried that here; a new lease tries it again, and its record stays as well"}
	}
	if d.firsts > 1 {
		return wrong(unfit, "of %d that tried at once to take a lease that was never taken, %d got it", racers, d.firsts)
	}
	return fine("of %d that tried at once to take a lease that was never taken, one got it", racers)
}

const races = 5

// checkRace runs races for a free lease: only the condition that the record has not changed since it was read keeps several
// from getting it.
func (d *doctor) checkRace(ctx context.Context) Finding {
	for i := range races {
		won, err := d.race(ctx)
		if err == nil {
			err = d.releaseAll(ctx)
		}
		switch {
		case len(won) > 1:
			return wrong(unfit, "of %d that tried at once to take a free lease, %d got it, in race %d", racers, len(won), i+1)
		case err != nil:
			return refused(err)
		}
	}
	return fine("of %[2]d that tried at once to take a free lease, one got it, %[1]d times", races, racers)
}

// while runs the check while the first node has the lease.
func (d *doctor) while(ctx context.Context, check func(h *holding) Finding) Finding {
	return d.whileBy(ctx, 0, check)
}

func (d *doctor) whileBy(ctx context.Context, node int, check func(h *holding) Finding) Finding {
	h, err := d.acquire(ctx, node)
	if err != nil {
		return refused(err)
	}
	f := check(h)
	if err := d.releaseAll(ctx); err != nil && f.Result == Well {
		return refused(err)
	}
	return f
}

func (d *doctor) checkHeld(ctx context.Context) Finding {
	return d.while(ctx, func(h *holding) Finding {
		sent := d.sent
		second, err := d.acquire(ctx, 1)
		if passed := d.written.Sub(sent); err == nil && passed >= d.tried {
			return wrong("use a store that is nearer", "a second node got the lease %v after the first had asked for it: by then it had run out, as it was for %v",
				passed.Round(time.Millisecond), d.tried)
		}
		if err == nil {
			return wrong("do not elect leaders here, two would lead at once: reads may come from a cache or a replica, or the store's "+
				"clock may be wrong (see clock); use the store itself", "a second node got a lease that the first held: tokens %d and %d", h.Token, second.Token)
		}
		told, ok := errors.AsType[*lease.HeldError](err)
		switch {
		case !ok:
			return refused(err)
		case told.Info.ID != h.ID || told.Info.Token != h.Token:
			return wrong("use a store, or an endpoint, whose reads show the latest write", "a second node is told that %q holds it with token %d, and it is %q with token %d",
				told.Info.Holder, told.Info.Token, h.Holder, h.Token)
		}
		return fine("a second node is refused, and told who holds it")
	})
}

func (d *doctor) checkRenew(ctx context.Context) Finding {
	return d.while(ctx, func(h *holding) Finding {
		old := *h
		for range 2 { // the second time from an answer that is no longer the latest (R4)
			l, err := d.renew(ctx, old)
			switch {
			case err != nil:
				return refused(err)
			case l.ID != old.ID || l.Token != old.Token:
				return wrong(unfit, "a renewal made another lease of it: token %d was %d", l.Token, old.Token)
			}
		}
		return fine("also from an older answer")
	})
}

// checkStale lets the second node take the lease after the first gave it back. The first node's later requests
// start from old versions, and the store must refuse them.
func (d *doctor) checkStale(ctx context.Context) Finding {
	var old holding
	f := d.while(ctx, func(h *holding) Finding {
		old = *h
		if _, err := d.renew(ctx, old); err != nil {
			return refused(err)
		}
		return Finding{Result: Well}
	})
	if f.Result != Well {
		return f
	}
	h, err := d.acquire(ctx, 1)
	if err != nil {
		return refused(err)
	}
	f = d.stale(ctx, old, *h)
	if err := d.releaseAll(ctx); err != nil && f.Result == Well {
		return refused(err)
	}
	return f
}

func (d *doctor) stale(ctx context.Context, old, now holding) Finding {
	for _, attempt := range []struct {
		what string
		do   func() error
	}{
		{"renewal", func() error { _, err := d.renew(ctx, old); return err }},
		{"release", func() error { return d.release(ctx, old) }},
	} {
		switch err := attempt.do(); {
		case err == nil:
			return wrong(unfit, "a %s from an old version was granted, of a lease that somebody else has taken since", attempt.what)
		case !errors.Is(err, lease.ErrLost):
			return refused(err)
		}
	}
	info, err := d.inspect(ctx, 0)
	switch {
	case err != nil:
		return refused(err)
	case info.State == lease.Free || info.ID != now.ID: // it may have run out meanwhile, on a slow store
		return wrong(unfit, "a renewal and a release from an old version were refused, and have changed the record: it is %v, token %d", info.State, info.Token)
	}
	if _, err := d.renew(ctx, now); err != nil {
		return refused(err)
	}
	return fine("a renewal and a release of a lease that was lost are refused")
}

// checkFresh renews with one node and reads with the other, and measures how long both take.
func (d *doctor) checkFresh(ctx context.Context) Finding {
	return d.while(ctx, func(h *holding) Finding {
		d.reads, d.renewals = nil, nil
		for i := range d.samples {
			d.progress("fresh, and latency: %d of %d ...", i+1, d.samples)
			l, err := d.renew(ctx, *h)
			if err != nil {
				return refused(err)
			}
			info, err := d.inspect(ctx, 1)
			switch {
			case err != nil:
				return refused(err)
			case info.ID != l.ID || info.Version != l.Version:
				return wrong("use the store itself, without a cache before it, and in one region: a replica elects another leader",
					"a read did not show the renewal before it, after %d that did", i)
			}
		}
		return fine("%d reads each showed the write before", d.samples)
	})
}

func (d *doctor) checkTokens(context.Context) Finding {
	for i := 1; i < len(d.tokens); i++ {
		if d.tokens[i] <= d.tokens[i-1] {
			return wrong(unfit, "token %d was given after token %d", d.tokens[i], d.tokens[i-1])
		}
	}
	return fine("%d acquisitions, each with a greater token than all before", len(d.tokens))
}

// clean releases the lease if it is still held.
func (d *doctor) clean(ctx context.Context) Finding {
	left := fmt.Sprintf("the records of %q and what is below it stay, for the next doctor: nothing in leader deletes records; remove them by hand if you like", d.name)
	switch d.report.results["create"] {
	case Skipped:
		left = "nothing was written"
	case Failed:
		left = fmt.Sprintf("if there is a record of %q, it stays: remove it by hand if you like", d.name)
	}
	if err := d.releaseAll(ctx); err != nil {
		return wrong("wait: it runs out by itself", "the lease was not given back: %s; %s", oneLine(err), left)
	}
	return fine("%s", left)
}
