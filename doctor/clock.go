package doctor

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/cloudlease/leader/internal/patience"
	"github.com/cloudlease/leader/internal/serverclock"
	"github.com/cloudlease/leader/lease"
)

// ageFrom names, by the URL's scheme, the clock by which a store tells how old a record is.
var ageFrom = map[string]string{
	"azblob":   "Azure itself, which ends leases by its own clock",
	"dynamodb": "the Date of DynamoDB's answers, now and before the write",
	"file":     "the clock of this machine that goes on while it sleeps",
	"gs":       "the Date of an answer and the Last-Modified of the object",
	"s3":       "the Date of an answer and the Last-Modified of the object",
}

// ageSwitch has the schemes whose URLs turn age on with age=true. With age=false, a directory's URL turns it off, too.
var ageSwitch = map[string]bool{"dynamodb": true, "gs": true, "s3": true}

const (
	clockWrites  = 3 // each may be of another of the store's machines
	clockLooks   = 3 // at each write, and at the end: each may be
	ageSettles   = 8 * time.Second
	ageGrain     = serverclock.Grain
	ageSkew      = serverclock.Skew
	ageAllowed   = 100 * time.Millisecond // clocks that run at slightly different rates
	ageIsKnown   = time.Millisecond       // less means: a moment, or nothing that the clocks prove
	clocksAdvice = "add age=false to the store's URL, or leases would be taken over before they are over; " +
		"or have everything that answers for the store keep the same time"
)

// A clockLook is the age of a record in one look, and what is certain of it: the record was written at most so long before
// the answer.
type clockLook struct {
	age         time.Duration
	least, most time.Duration // since the write was sent, when the look was sent and when it was answered
}

// clocks sums up all looks.
type clocks struct {
	looks  int
	told   int           // how many told an age, of those at the end
	last   int           // how many those were
	wrong  *clockLook    // a record older than the time since it was written
	apart  time.Duration // at least so much are the clocks of the looks at the end
	settle time.Duration
}

// checkClock looks at a record whose age is at most the time that has passed here since before the
// record was sent. Each look uses a new manager: a new connection, which may end at another machine, and none of
// the earlier sightings. Age is on for the measurement, whatever the URL says.
func (d *doctor) checkClock(ctx context.Context) Finding {
	place := d.place()
	scheme, measured := schemeOf(place), ""
	if scheme == "azblob" {
		d.report.AgeFrom = ageFrom[scheme]
		d.report.TellsAge = new(false)
		return fine("leases rest on %s: no other clock matters", ageFrom[scheme])
	}
	asked := false
	if u, err := url.Parse(d.url); err == nil && ageSwitch[scheme] && d.url != "" {
		query := u.Query()
		asked, _ = strconv.ParseBool(query.Get("age"))
		query.Set("age", "true")
		u.RawQuery = query.Encode()
		measured = u.String()
	}
	var err error
	if d.nodes[timed], err = d.open(ctx, measured); err != nil {
		return refused(err)
	}
	return d.whileBy(ctx, timed, func(h *holding) Finding {
		seen, err := d.watchClocks(ctx, *h, measured, d.settling(scheme))
		if err != nil {
			return refused(err)
		}
		info, err := d.lookAnew(ctx, "")
		if err != nil {
			return refused(err)
		}
		from := cmp.Or(ageFrom[scheme], "the store's own clock")
		on := info.Timed || info.Age > 0
		d.report.TellsAge = &on
		if on {
			d.report.AgeFrom = from
		}
		return seen.judge(on || asked, ageSwitch[scheme] && d.url != "", from)
	})
}

// settling is how long after a write every right clock tells an age: exact ones do after a moment, but less than ageIsKnown counts as
// none.
func (d *doctor) settling(scheme string) time.Duration {
	if ageSwitch[scheme] {
		return d.settle
	}
	return 10 * ageIsKnown
}

// watchClocks renews the lease several times and looks at it at once, and then once more when every right clock tells an
// age.
func (d *doctor) watchClocks(ctx context.Context, h holding, url string, settle time.Duration) (clocks, error) {
	seen := clocks{settle: settle}
	renewals := d.renewals // those that latency goes by
	defer func() { d.renewals = renewals }()
	for range clockWrites {
		d.progress("clock: do the clocks of the store's answers agree? ...")
		if _, err := d.renew(ctx, h); err != nil {
			return seen, err
		}
		if err := d.lookAtClocks(ctx, &seen, url, false); err != nil {
			return seen, err
		}
	}
	if !patience.Wait(ctx, time.Until(d.written.Add(settle))) {
		return seen, ctx.Err()
	}
	return seen, d.lookAtClocks(ctx, &seen, url, true)
}

// lookAtClocks looks at the latest write several times.
func (d *doctor) lookAtClocks(ctx context.Context, seen *clocks, url string, last bool) error {
	var all []clockLook
	for range clockLooks {
		s := clockLook{least: time.Since(d.sent)}
		info, err := d.lookAnew(ctx, url)
		if err != nil {
			return err
		}
		s.age, s.most = info.Age, time.Since(d.sent)
		all = append(all, s)
	}
	seen.add(all, last)
	return nil
}

// add takes looks at one write into account; last: at a time when every right clock tells an age.
func (c *clocks) add(all []clockLook, last bool) {
	var ahead, behind time.Duration
	for i, s := range all {
		c.looks++
		if s.age > s.most+ageAllowed && c.wrong == nil {
			c.wrong = &s
		}
		if !last {
			continue
		}
		c.last++
		if s.age >= ageIsKnown {
			c.told++
		}
		if by := s.age - s.most; i == 0 || by > ahead {
			ahead = by
		}
		if by := s.age - s.least; i == 0 || by < behind {
			behind = by
		}
	}
	if last {
		c.apart = max(ahead-behind-ageGrain, 0)
	}
}

// judge returns the finding for a store whose age is on or off, and can be switched or not.
func (c *clocks) judge(on, switchable bool, from string) Finding {
	trouble := ""
	switch {
	case c.wrong != nil:
		trouble = fmt.Sprintf("a record that was written at most %v ago was said to be %v old", c.wrong.most.Round(time.Millisecond), c.wrong.age.Round(time.Millisecond))
	case c.apart > ageSkew:
		trouble = fmt.Sprintf("the clocks of %d answers are at least %v apart", c.last, c.apart.Round(time.Millisecond))
	}
	const watches = "a new node watches a lease for its whole length before it takes over"
	switch {
	case on && trouble != "":
		return wrong(clocksAdvice, "age is on, and rests on %s, but %s", from, trouble)
	case !on && !switchable:
		return fine("the store does not tell how old a record is: %s; no lease depends on a clock of the store", watches)
	case trouble != "":
		return fine("leave age off: %s; %s", trouble, watches)
	case c.told < c.last && on:
		return Finding{Result: Warning, Advice: "have everything that answers for the store keep the same time, or add age=false to its URL",
			Detail: fmt.Sprintf("age is on, and rests on %s, but %d of %d looks told none %v after the write: a clock is behind; %s",
				from, c.last-c.told, c.last, c.settle, watches)}
	case c.told < c.last:
		return fine("age is off, and would tell nothing: a clock of the store's answers is behind; %s", watches)
	case !on:
		return fine("age is off, because the URL says so, or because something else than the service may answer at this address: %s; the clocks of %d answers agree: "+
			"if that holds for everything that answers, turn age on with age=true in the URL", watches, c.looks)
	}
	return fine("the store tells how old a record is, by %s; the clocks of %d answers agree: a new node takes over an expired lease at once",
		from, c.looks)
}

// lookAnew returns the lease as a new node sees it.
func (d *doctor) lookAnew(ctx context.Context, url string) (info lease.Info, err error) {
	m, err := d.open(ctx, url)
	if err != nil {
		return info, err
	}
	defer d.close(m)
	return patience.Ask(ctx, d.timeout, func(ctx context.Context) (lease.Info, error) { return lease.Inspect(ctx, m, d.name) })
}
