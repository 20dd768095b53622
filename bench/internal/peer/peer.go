// Package peer has the ways to elect a leader that are compared: this library on each of its stores, and what users would pick
// instead. Each is used as its own documentation shows, with its own intervals for the same lease length.
package peer

import (
	"context"
	"errors"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A Peer is one way to elect a leader.
type Peer struct {
	Key     string // on command lines and in files: "leader-dynamodb", "client-go"
	Name    string // for people: "leader on DynamoDB", "client-go leaderelection"
	Service string // where its leases are: "dynamodb", "s3", "gcs", "azure", "file", "kubernetes", "etcd", "redis", "postgres"
	Ours    bool   // it is this library
	Notes   string // for people: how often it renews and polls, and what it lacks (a fencing token, waiting for the work)

	// RenewEvery returns how often its leader renews a lease of this length.
	RenewEvery func(length time.Duration) time.Duration
	// AcquireEvery returns how often its standby asks for such a lease; nil: the service tells its standbys.
	AcquireEvery func(length time.Duration) time.Duration

	// Run campaigns for the lease, and leads when it has it, until ctx ends. Then it releases the lease and returns nil. If it
	// loses the lease, it campaigns again. It returns an error only if it cannot go on.
	Run func(ctx context.Context, c Config) error

	// Open returns the manager of this library that Run uses. It needs only a Config's Endpoint. Nil for all other peers.
	Open func(ctx context.Context, c Config) (lease.Manager, error)

	// Once makes a single try, like a job that a timer starts. If another node leads, it returns ErrRefused at once; else it
	// does what Run does. Nil for a peer that cannot do that.
	Once func(ctx context.Context, c Config) error
}

// ErrRefused means that another node leads. Once returns it.
var ErrRefused = errors.New("somebody else leads")

// Config tells a Peer how to run.
type Config struct {
	Endpoint string // of the service; "": as the service's own environment variables say
	Lease    string
	Node     string
	Length   time.Duration // of the lease
	Follow   bool          // this library's standbys wait at the leader's Handler

	// Tell is called with each Moment as it happens. It returns at once, and is safe for concurrent use.
	Tell func(Moment)
}

// A Moment is something that happens to a Peer.
type Moment string

const (
	Renewing Moment = "renewing" // a request that acquires or renews is about to be sent
	Renewed  Moment = "renewed"  // that request has succeeded
	Failed   Moment = "failed"   // that request has failed
	Started  Moment = "started"  // the work begins: the first thing that a work does
	Stopped  Moment = "stopped"  // the work has ended
	Released Moment = "released" // the lease has been released
)

// renewing reports the moments before and after a request that acquires or renews.
func renewing[T any](tell func(Moment), request func() (T, error)) (T, error) {
	tell(Renewing)
	got, err := request()
	if err != nil {
		tell(Failed)
	} else {
		tell(Renewed)
	}
	return got, err
}

// third is the interval of peers that renew, or ask, every third of the lease's length.
func third(length time.Duration) time.Duration { return length / 3 }

// pause waits for d, or until ctx ends, and reports whether d has passed.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
