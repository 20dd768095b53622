package peer

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// clientGo uses the defaults that client-go documents, in proportion to the lease's length: a lease of 15 s, a renew deadline
// of 10 s, a retry period of 2 s.
var clientGo = Peer{
	Key: "client-go", Name: "client-go leaderelection", Service: "kubernetes",
	Notes: "Its documented defaults, to scale: renew deadline two thirds, retry period 2/15 of the lease's length; a standby waits one to 2.2 of these between tries. " +
		"ReleaseOnCancel is on, and the work has ended before the lease is released. The API server is a fake of ours, in memory. It hands out no fencing token.",
	RenewEvery: retryPeriod, AcquireEvery: retryPeriod,
	Run: runClientGo,
}

func retryPeriod(length time.Duration) time.Duration { return length * 2 / 15 }

func runClientGo(ctx context.Context, c Config) error {
	json := rest.ContentConfig{ContentType: "application/json", AcceptContentTypes: "application/json"}
	client, err := kubernetes.NewForConfig(&rest.Config{Host: c.Endpoint, ContentConfig: json})
	if err != nil {
		return fmt.Errorf("client of Kubernetes at %q: %w", c.Endpoint, err)
	}
	ctx = klog.NewContext(ctx, logr.Discard())
	for ctx.Err() == nil {
		if err := electOnce(ctx, c, client); err != nil {
			return err
		}
	}
	return nil
}

// electOnce campaigns and leads once. The elector's context ends only when the work has ended, as ReleaseOnCancel requires.
func electOnce(ctx context.Context, c Config, client kubernetes.Interface) error {
	electing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	begun, ended := make(chan struct{}), make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: toldLock{&resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: "default", Name: c.Lease},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: c.Node},
		}, c.Tell},
		LeaseDuration:   c.Length,
		RenewDeadline:   c.Length * 2 / 3,
		RetryPeriod:     retryPeriod(c.Length),
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) {
				defer close(ended)
				close(begun)
				if ctx.Err() != nil || leading.Err() != nil {
					return
				}
				c.Tell(Started)
				defer c.Tell(Stopped)
				select {
				case <-ctx.Done():
				case <-leading.Done():
				}
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("client-go: %w", err)
	}
	finished := func() {
		select {
		case <-begun:
			<-ended
		default:
		}
	}
	defer context.AfterFunc(ctx, func() {
		finished()
		cancel()
	})()
	elector.Run(electing)
	finished()
	return nil
}

// toldLock reports the requests of an elector. An elector releases by an update that names no holder.
type toldLock struct {
	resourcelock.Interface
	tell func(Moment)
}

type record = resourcelock.LeaderElectionRecord

func (l toldLock) Create(ctx context.Context, r record) error {
	_, err := renewing(l.tell, func() (none struct{}, err error) { return none, l.Interface.Create(ctx, r) })
	return err
}

func (l toldLock) Update(ctx context.Context, r record) error {
	if r.HolderIdentity == "" {
		err := l.Interface.Update(ctx, r)
		if err == nil {
			l.tell(Released)
		}
		return err
	}
	_, err := renewing(l.tell, func() (none struct{}, err error) { return none, l.Interface.Update(ctx, r) })
	return err
}
