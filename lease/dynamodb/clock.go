package dynamodb

import (
	"context"
	"encoding/json"
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
	maxLatency    = time.Minute      // of an answer, beyond which a bound is not believed: see age
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

// heard is the clock's, where the service's Date is trusted.
func (s *Store) heard(sent lease.Instant, answer middleware.Metadata) time.Time {
	if !s.age {
		return time.Time{}
	}
	return s.clock.heard(sent, answer)
}

// bound is at least what the table's clock shows now: the Date of the latest answer, its grain, and what has passed
// since that answer's request was sent, by whichever clock says most (R3). Not ok: nothing is known well enough.
//
// How old may the answer be? With a clock that counts suspension, the count is right over any time, but for the rates at
// which clocks differ: by the margin, which is a part of the lease's length, so an answer may be as old as that. A runner
// renews at least once in it.
//
// Elsewhere a suspension can hide behind a step back of the wall clock, and the bound would be too low: a standby would
// find the lease older than it is, and take it from a holder that is right to think it holds. R3 has such a machine
// count every second. Nobody does that here between two requests, so there an answer is good for one second: a lease
// that was just acquired has a bound, its renewals have none, and whoever has not watched it waits for its full length.
func (c *clock) bound(ctx context.Context, length time.Duration) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := length
	if host.From(ctx).Read().Boot == 0 {
		most = min(length, maxUnsampled)
	}
	elapsed := c.sent.Elapsed()
	if c.date.IsZero() || elapsed > most {
		return time.Time{}, false
	}
	return c.date.Add(grain + elapsed).UTC(), true
}

// lengthOf is the length of the lease that a cell is the record of; 0 if it is of something else, which nobody asks the age of.
func lengthOf(data []byte) time.Duration {
	var record struct {
		Length string `json:"length"`
	}
	if json.Unmarshal(data, &record) != nil {
		return 0
	}
	length, _ := time.ParseDuration(record.Length)
	return length
}

// age is how long, at least, before an answer of that date an item was sent whose bound is as written: at least a
// nanosecond, but 0 if that cannot be known. There is no bound, or no date, or the bound is later than a writer makes one: a
// slow answer, which counts from before its request, the grain and the skew are all that makes it later than the date.
func age(date time.Time, written string) time.Duration {
	bound, err := time.Parse(writtenFormat, written)
	if err != nil || date.IsZero() || bound.Sub(date) > maxLatency+grain+skew {
		return 0
	}
	return max(date.Sub(bound.Add(grain+skew)), 1)
}
