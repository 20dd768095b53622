package peer

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

var etcd = Peer{
	Key: "etcd", Name: "etcd concurrency.Election", Service: "etcd",
	Notes: "A Session whose TTL is the lease's length, rounded up to whole seconds; the client keeps it alive every third of that. Standbys watch and do not ask. " +
		"etcd looks for leases that have run out twice a second. The key's revision can serve as a fencing token.",
	RenewEvery: func(length time.Duration) time.Duration { return time.Duration(sessionTTL(length)) * time.Second / 3 },
	Run:        runEtcd,
}

// sessionTTL returns seconds, as etcd accepts nothing else.
func sessionTTL(length time.Duration) int { return int((length + time.Second - 1) / time.Second) }

func runEtcd(ctx context.Context, c Config) error {
	told := etcdCalls{tell: c.Tell}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{c.Endpoint},
		Logger:    zap.NewNop(),
		DialOptions: []grpc.DialOption{
			grpc.WithChainUnaryInterceptor(told.unary), grpc.WithChainStreamInterceptor(told.stream),
		},
	})
	if err != nil {
		return fmt.Errorf("client of etcd at %q: %w", c.Endpoint, err)
	}
	defer client.Close()
	for ctx.Err() == nil {
		_ = leadByEtcd(ctx, c, client) // any error but ctx's end is a session that ran out, or trouble with the service
		pause(ctx, c.Length/3)
	}
	return nil
}

// leadByEtcd campaigns and leads once. The session outlives ctx, so it is kept alive until the work has ended.
func leadByEtcd(ctx context.Context, c Config, client *clientv3.Client) error {
	living, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	session, err := concurrency.NewSession(client, concurrency.WithTTL(sessionTTL(c.Length)), concurrency.WithContext(living))
	if err != nil {
		return err
	}
	defer session.Close()
	election := concurrency.NewElection(session, "/leader-bench/"+c.Lease)
	if err := election.Campaign(ctx, c.Node); err != nil {
		return err
	}
	c.Tell(Started)
	select {
	case <-ctx.Done():
	case <-session.Done():
	}
	c.Tell(Stopped)
	resigning, cancel := context.WithTimeout(living, c.Length/3)
	defer cancel()
	if err := election.Resign(resigning); err != nil {
		return err
	}
	c.Tell(Released)
	return nil
}

// etcdCalls reports the requests that make a session and keep it alive. The election only orders the clients with a session.
type etcdCalls struct{ tell func(Moment) }

func (e etcdCalls) unary(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	call := func() (none struct{}, err error) { return none, invoke(ctx, method, req, reply, conn, opts...) }
	if method != "/etcdserverpb.Lease/LeaseGrant" {
		_, err := call()
		return err
	}
	_, err := renewing(e.tell, call)
	return err
}

func (e etcdCalls) stream(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := streamer(ctx, desc, conn, method, opts...)
	if err != nil || method != "/etcdserverpb.Lease/LeaseKeepAlive" {
		return s, err
	}
	return &keepAlive{ClientStream: s, tell: e.tell}, nil
}

// keepAlive reports the messages of a stream that keeps a session alive. Each is answered by one message.
type keepAlive struct {
	grpc.ClientStream
	tell    func(Moment)
	waiting atomic.Int32 // messages without an answer
}

func (k *keepAlive) SendMsg(m any) error {
	k.tell(Renewing)
	k.waiting.Add(1)
	err := k.ClientStream.SendMsg(m)
	if err != nil {
		k.fail()
	}
	return err
}

func (k *keepAlive) RecvMsg(m any) error {
	err := k.ClientStream.RecvMsg(m)
	if err != nil {
		k.fail()
	} else if k.waiting.Swap(0) > 0 {
		k.tell(Renewed)
	}
	return err
}

// fail reports the messages that will get no answer.
func (k *keepAlive) fail() {
	if k.waiting.Swap(0) > 0 {
		k.tell(Failed)
	}
}
