package service

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"path/filepath"

	"go.etcd.io/etcd/api/v3/version"
	"go.etcd.io/etcd/server/v3/embed"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"github.com/cloudlease/leader/internal/wire"
)

// startEtcd starts a real etcd with one member, in this process. It syncs its disk, as by default.
func startEtcd(ctx context.Context, p *part) error {
	client, err := freeURL()
	if err != nil {
		return err
	}
	members, err := freeURL()
	if err != nil {
		return err
	}
	cfg := embed.NewConfig()
	cfg.Dir = filepath.Join(p.dir, "data")
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{members}, []url.URL{members}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.LogLevel, cfg.LogOutputs = "error", []string{filepath.Join(p.dir, "log")}
	cfg.GRPCAdditionalServerOptions = []grpc.ServerOption{grpc.StatsHandler(messages{&p.tally})}
	server, err := embed.StartEtcd(cfg)
	if err != nil {
		return fmt.Errorf("start etcd: %w", err)
	}
	p.stops = append(p.stops, server.Close)
	select {
	case <-server.Server.ReadyNotify():
	case err := <-server.Err():
		return fmt.Errorf("etcd ended: %w", err)
	case <-ctx.Done():
		return fmt.Errorf("etcd is not ready: %w", context.Cause(ctx))
	}
	p.version, p.endpoint = version.Version, client.Host
	return nil
}

func freeURL() (url.URL, error) {
	address, err := freeAddress()
	return url.URL{Scheme: "http", Host: address}, err
}

// messages counts what clients send, each message of a stream.
type messages struct{ *tally }

type methodKey struct{}

func (m messages) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, methodKey{}, info.FullMethodName)
}

func (m messages) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if _, ok := s.(*stats.InPayload); ok {
		method, _ := ctx.Value(methodKey{}).(string)
		m.note(etcdMessage(method))
	}
}

func (m messages) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (m messages) HandleConn(context.Context, stats.ConnStats)                       {}

// etcdMessage classifies by the method: /etcdserverpb.KV/Range. A transaction may write, so it counts as a write.
func etcdMessage(method string) (wire.Kind, string) {
	switch name := path.Base(method); name {
	case "Range", "Watch", "LeaseTimeToLive":
		return wire.Read, name
	case "Put", "DeleteRange", "Txn", "LeaseGrant", "LeaseKeepAlive", "LeaseRevoke":
		return wire.Write, name
	default:
		return wire.Other, name
	}
}
