// Package peer has the ways to elect a leader that are compared: this library on each of its stores, and what users
// would pick instead. Each is used as its own documentation shows, with its own intervals for the same lease length.
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
	Notes   string // for people: how often it renews and polls, and what it does without (a fencing token, a wait for the work)

	// RenewEvery is how often its leader renews a lease of the length.
	RenewEvery func(length time.Duration) time.Duration
	// AcquireEvery is how often its standby asks for such a lease; nil: it does not ask, but is told by the service.
	AcquireEvery func(length time.Duration) time.Duration

	// Run campaigns for the lease, and leads when it has it, until ctx ends; then it gives the lease back and returns
	// nil. It campaigns again when it has lost the lease. An error: it cannot go on.
	Run func(ctx context.Context, c Config) error

	// Open makes the manager of this library that Run uses, of a Config's Endpoint alone; nil of all others.
	Open func(ctx context.Context, c Config) (lease.Manager, error)

	// Once is a single try, as a job's that a timer starts: ErrRefused at once if somebody else leads; else as Run, until
	// ctx ends. Nil for a peer that has no such thing.
	Once func(ctx context.Context, c Config) error
}

// ErrRefused is what Once returns if somebody else leads.
var ErrRefused = errors.New("somebody else leads")

// Config is what a Peer needs to run.
type Config struct {
	Endpoint string // of the service; "": where the service's own variables of the environment say
	Lease    string
	Node     string
	Length   time.Duration // of the lease

	// Tell is told of each Moment as it happens. It returns at once, and is safe for concurrent use.
	Tell func(Moment)
}

// A Moment is something that happens to a Peer.
type Moment string

const (
	Renewing Moment = "renewing" // a request that acquires or renews is about to be sent
	Renewed  Moment = "renewed"  // it has succeeded
	Failed   Moment = "failed"   // it has not
	Started  Moment = "started"  // the work begins: the first thing that a work does
	Stopped  Moment = "stopped"  // the work has ended
	Released Moment = "released" // the lease has been given back
)

// renewing tells of the moments before and after a request that acquires or renews.
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

// third is the interval of those who renew, or ask, every third of the lease's length.
func third(length time.Duration) time.Duration { return length / 3 }

// pause waits, or less if ctx ends, and reports whether it has not.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
