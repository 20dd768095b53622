package peer

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"cirello.io/dynamolock/v2"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// refreshPeriod is dynamolock's default.
const refreshPeriod = time.Second

var dynamolockPeer = Peer{
	Key: "dynamolock", Name: "dynamolock on DynamoDB", Service: "dynamodb",
	Notes: "Heartbeats every third of the lease's length; a standby asks every second, which is its default whatever the length. " +
		"It has no election, so the loop around it is ours. It hands out no fencing token.",
	RenewEvery:   third,
	AcquireEvery: func(time.Duration) time.Duration { return refreshPeriod },
	Run:          runDynamolock,
}

func runDynamolock(ctx context.Context, c Config) error {
	cfg, err := awsConfig(ctx, c)
	if err != nil {
		return err
	}
	writes := &dynamolockWrites{tell: c.Tell, transport: http.DefaultTransport.(*http.Transport).Clone()}
	cfg.HTTPClient = &http.Client{Transport: writes}
	client, err := dynamolock.New(dynamodb.NewFromConfig(cfg), DynamolockTable,
		dynamolock.WithOwnerName(c.Node), dynamolock.WithLeaseDuration(c.Length), dynamolock.WithHeartbeatPeriod(third(c.Length)))
	if err != nil {
		return fmt.Errorf("dynamolock: %w", err)
	}
	defer client.Close()
	for ctx.Err() == nil {
		const long = 365 * 24 * time.Hour // by default it gives up at some time, and would then watch from the beginning
		lock, err := client.AcquireLockWithContext(ctx, c.Lease, dynamolock.WithAdditionalTimeToWaitForLock(long))
		if err != nil {
			pause(ctx, refreshPeriod)
			continue
		}
		c.Tell(Started)
		for !lock.IsExpired() && pause(ctx, c.Length/30) {
		}
		c.Tell(Stopped)
		if ctx.Err() == nil {
			continue
		}
		writes.quiet.Store(true)
		releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), third(c.Length))
		if ok, err := client.ReleaseLockWithContext(releasing, lock); ok && err == nil {
			c.Tell(Released)
		}
		cancel()
	}
	return nil
}

// dynamolockWrites reports the requests that take and keep a lock.
type dynamolockWrites struct {
	tell      func(Moment)
	transport http.RoundTripper
	quiet     atomic.Bool // set while the lock is released
}

func (w *dynamolockWrites) RoundTrip(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if operation != "PutItem" && operation != "UpdateItem" || w.quiet.Load() {
		return w.transport.RoundTrip(r)
	}
	w.tell(Renewing)
	resp, err := w.transport.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		w.tell(Failed)
	} else {
		w.tell(Renewed)
	}
	return resp, err
}
