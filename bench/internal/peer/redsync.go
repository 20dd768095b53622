package peer

import (
	"context"
	"time"

	"github.com/go-redsync/redsync/v4"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

var redsyncPeer = Peer{
	Key: "redsync", Name: "redsync on Redis", Service: "redis",
	Notes: "A key that expires, on one Redis. It has no election, so what is around it is ours: the holder extends it, and a standby tries to take it, every third of the lease's length. " +
		"It hands out no fencing token. What Redis has not yet written or copied when it dies is forgotten, the lease too.",
	RenewEvery: third, AcquireEvery: third,
	Run: runRedsync,
}

func runRedsync(ctx context.Context, c Config) error {
	logging.Disable()
	client := redis.NewClient(&redis.Options{Addr: c.Endpoint})
	defer client.Close()
	mutex := redsync.New(goredis.NewPool(client)).NewMutex("leader-bench:"+c.Lease, redsync.WithExpiry(c.Length))
	for ctx.Err() == nil {
		_, err := renewing(c.Tell, func() (none struct{}, err error) { return none, mutex.TryLockContext(ctx) })
		if err == nil {
			leadByRedsync(ctx, c, mutex)
		}
		pause(ctx, third(c.Length))
	}
	return nil
}

// leadByRedsync leads until ctx ends, or the key may have expired.
func leadByRedsync(ctx context.Context, c Config, mutex *redsync.Mutex) {
	c.Tell(Started)
	for pause(ctx, min(third(c.Length), time.Until(mutex.Until()))) {
		_, _ = renewing(c.Tell, func() (bool, error) {
			extending, cancel := context.WithDeadline(context.WithoutCancel(ctx), mutex.Until())
			defer cancel()
			return mutex.ExtendContext(extending)
		})
		if time.Now().After(mutex.Until()) {
			c.Tell(Stopped)
			return
		}
	}
	c.Tell(Stopped)
	releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), third(c.Length))
	defer cancel()
	if ok, err := mutex.UnlockContext(releasing); ok && err == nil {
		c.Tell(Released)
	}
}
