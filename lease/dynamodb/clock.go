package dynamodb

import (
	"context"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

const (
	grain         = time.Second      // of the Date of an answer: it has whole seconds, rounded down
	skew          = 2 * time.Second  // that the clocks of the service's own machines may differ by
	writtenFormat = time.RFC3339Nano // to be read by people, too
	maxAnswerAge  = time.Minute      // see bound
	maxUnsampled  = time.Second      // R3: how often a holder without a boot clock has to count
)

// A clock is what a store knows of the time at its table: the Date of the latest answer. With each write, Swap leaves an
// upper bound on the table's clock when it was sent. A reader who subtracts that from the Date of its own answer knows
// for how long, at least, the write has stood, by the table's clock alone (R1).
type clock struct {
	mu   sync.Mutex
	date time.Time     // zero: no answer yet
	sent lease.Instant // just before the request that got it, the SDK's own attempts included
}

// heard takes the Date of the answer to a request that was sent at the time given, and returns it; zero if there is none.
func (c *clock) heard(sent lease.Instant, answer middleware.Metadata) time.Time {
	date, ok := awsmiddleware.GetServerTime(answer)
	if !ok {
		return time.Time{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if sent.Elapsed() <= c.sent.Elapsed() { // not a slow answer that a later one has overtaken
		c.date, c.sent = date, sent
	}
	return date
}

// bound is at least what the table's clock shows now: the Date of the latest answer, its grain, and what has passed
// since that answer's request was sent, by whichever clock says most (R3). Not ok: nothing is known well enough.
//
// How old may the answer be? With a clock that counts suspension (Linux), the count is right over any time, but for the
// rates at which clocks differ; a minute of that is far below the grain. A runner renews at least once per lease, so
// for a lease of up to a minute an answer older than its length only comes up once the lease is lost anyway.
//
// Elsewhere a suspension can hide behind a step back of the wall clock, and the bound would be too low: a standby would
// find the lease older than it is, and take it from a holder that is right to think it holds. R3 has such a machine
// count every second. Nobody does that here between two requests, so there an answer is good for one second: a lease
// that was just acquired has a bound, its renewals have none, and whoever has not watched it waits for its full length.
func (c *clock) bound(ctx context.Context) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := maxUnsampled
	if host.From(ctx).Read().Boot != 0 {
		most = maxAnswerAge
	}
	elapsed := c.sent.Elapsed()
	if c.date.IsZero() || elapsed > most {
		return time.Time{}, false
	}
	return c.date.Add(grain + elapsed).UTC(), true
}

// age is how long, at least, before an answer of that date an item was sent whose bound is as written; 0 if that cannot
// be known: there is no bound, or no date, which is then before any bound.
func age(date time.Time, written string) time.Duration {
	bound, err := time.Parse(writtenFormat, written)
	if err != nil {
		return 0
	}
	return max(date.Sub(bound.Add(grain+skew)), 0)
}
