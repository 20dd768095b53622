package dynamodb

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/serverclock"
	"github.com/cloudlease/leader/lease"
)

const (
	grain         = serverclock.Grain
	skew          = serverclock.Skew
	writtenFormat = time.RFC3339Nano // readable by people, too
	maxLatency    = time.Minute      // of an answer; a bound that needs more is not believed: see age
)

// A clock keeps the Date of the latest answer, to know the time at the table. With each write, Swap stores an upper
// bound on the table's clock when the write was sent. A reader subtracts that bound from the Date of its own answer: so
// it knows by the table's clock alone for how long, at least, the write has stood (R1).
type clock struct {
	mu   sync.Mutex
	date time.Time     // zero: no answer yet
	sent lease.Instant // just before the request that got it, the SDK's own attempts included
}

// heard takes the Date of the answer to a request that was sent at the given time, and returns it; zero if there is
// none.
func (c *clock) heard(sent lease.Instant, answer middleware.Metadata) time.Time {
	date, ok := awsmiddleware.GetServerTime(answer)
	if !ok {
		return time.Time{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if sent.Elapsed() <= c.sent.Elapsed() { // else a later answer has overtaken this slow one
		c.date, c.sent = date, sent
	}
	return date
}

// heard passes the answer to the clock if the service's Date is trusted.
func (s *Store) heard(sent lease.Instant, answer middleware.Metadata) time.Time {
	if !s.age {
		return time.Time{}
	}
	return s.clock.heard(sent, answer)
}

// bound returns an upper bound on the table's clock now: the Date of the latest answer, its grain, and the time since
// that answer's request was sent, by the clock that shows most (R3), if that clock is slow. Not ok: nothing is known well
// enough.
//
// A clock may be slow by the margin. The holder uses the margin up for the rest of its term, which it counts by the same
// clock: so the bound needs as much again, a ninth of what the clock shows. In the usual case, of a renewal after a third
// of the length, a process that has just started waits a twenty-seventh of the length longer for that.
//
// How old may the answer be? A clock that counts suspension stays right over any time, except for its rate. An answer may
// be as old as the lease's length: a runner renews at least once in it.
//
// Without such a clock, a step back of the wall clock can hide a suspension, and the bound would be too low: a standby
// would think the lease older than it is, and take it from a holder that rightly thinks it holds. R3 requires such a
// machine to count every second. Nothing here counts between two requests, so there an answer is good for one SampleEvery. A
// lease that was just acquired then has a bound and its renewals have none: a node that has not watched it waits for
// its full length.
func (c *clock) bound(ctx context.Context, length time.Duration) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := length
	if host.From(ctx).Read().Boot == 0 {
		most = min(length, lease.SampleEvery)
	}
	elapsed := c.sent.Elapsed()
	if c.date.IsZero() || elapsed > most {
		return time.Time{}, false
	}
	return c.date.Add(grain + elapsed + lag(elapsed)).UTC(), true
}

// lag returns by how much a time that a clock shows may fall short of the true one: a tenth of the true time is a ninth of
// what the clock shows.
func lag(shown time.Duration) time.Duration {
	return shown / (time.Second/lease.Margin(time.Second) - 1)
}

// lengthOf returns the length of the lease whose record is in the cell; 0 if the cell is no record, and so needs no
// age.
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

// age returns a lower bound on how long before an answer with this Date an item with this bound (written) was sent. It
// is at least a nanosecond, or 0 if it cannot be known: there is no bound, no Date, or the bound is later than any
// writer makes it. A bound may exceed the Date only by a slow answer's latency, the grain, the skew, and the lag of a time
// as long as the lease in the cell.
func age(date time.Time, written string, data []byte) time.Duration {
	bound, err := time.Parse(writtenFormat, written)
	if err != nil || date.IsZero() {
		return 0
	}
	if ahead := bound.Sub(date) - maxLatency - grain - skew; ahead > 0 && ahead > lag(lengthOf(data)) { // seldom, so the record is seldom decoded twice
		return 0
	}
	return max(date.Sub(bound.Add(grain+skew)), 1)
}
