package peer

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	sdkdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"google.golang.org/api/option"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/azblob"
	"github.com/cloudlease/leader/lease/dynamodb"
	"github.com/cloudlease/leader/lease/file"
	"github.com/cloudlease/leader/lease/gcs"
	"github.com/cloudlease/leader/lease/s3"
)

const (
	ourNotes   = "Its defaults: it renews, and standbys ask, every third of the lease's length; standbys fall into step with the renewals."
	azureNotes = "Its defaults: it renews, and standbys ask, every third of the lease's length. Azure does not show when a lease was renewed: standbys guess it from when it was acquired."
)

var (
	onDynamoDB = ours("leader-dynamodb", "leader on DynamoDB", "dynamodb", ourNotes, openDynamoDB)
	onS3       = ours("leader-s3", "leader on S3", "s3", ourNotes, openS3)
	onGCS      = ours("leader-gcs", "leader on GCS", "gcs", ourNotes, openGCS)
	onAzure    = ours("leader-azblob", "leader on Azure Blob", "azure", azureNotes, openAzure)
	onFile     = ours("leader-file", "leader on files", "file", ourNotes, openFile)
)

// ours returns this library on one of its stores as a peer.
func ours(key, name, service, notes string, open func(context.Context, Config) (lease.Manager, error)) Peer {
	return Peer{
		Key: key, Name: name, Service: service, Ours: true, Notes: notes,
		RenewEvery: third, AcquireEvery: third, Open: open,
		Run: func(ctx context.Context, c Config) error {
			if c.Follow {
				return runFollowing(ctx, c, open)
			}
			l, err := newLeader(ctx, c, open)
			if err != nil {
				return err
			}
			return l.Run(ctx)
		},
		Once: func(ctx context.Context, c Config) error {
			l, err := newLeader(ctx, c, open)
			if err != nil {
				return err
			}
			switch err := l.RunOnce(ctx); {
			case errors.Is(err, lease.ErrHeld):
				return ErrRefused
			case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
				return nil
			default:
				return err
			}
		},
	}
}

// runFollowing runs a leader with a Handler, at which the standbys wait.
func runFollowing(ctx context.Context, c Config, open func(context.Context, Config) (lease.Manager, error)) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	l, err := newLeader(ctx, c, open,
		leader.WithAttributes(map[string]string{leaderhttp.WatchAttribute: "http://" + listener.Addr().String() + "/watch"}),
		leader.WithWake(leaderhttp.Follow(leaderhttp.FollowHosts("127.0.0.1"))))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: leaderhttp.Handler(l)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	err = l.Run(ctx)
	err = errors.Join(err, server.Shutdown(context.WithoutCancel(ctx)))
	<-served
	return err
}

func newLeader(ctx context.Context, c Config, open func(context.Context, Config) (lease.Manager, error), more ...leader.Option) (*leader.Leader, error) {
	m, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	return leader.New(append(more,
		leader.WithLeaseManager(&told{m, c.Tell}),
		leader.WithLeaseName(c.Lease),
		leader.WithNodeID(c.Node),
		leader.WithLeaseLength(c.Length),
		leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WhenStarted(func(ctx context.Context) error {
			c.Tell(Started)
			defer c.Tell(Stopped)
			<-ctx.Done()
			return nil
		}),
	)...), nil
}

// told is a manager that reports its requests. The leader's own events come only after the answers.
type told struct {
	lease.Manager
	tell func(Moment)
}

func (t *told) Unwrap() lease.Manager { return t.Manager }

func (t *told) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	return renewing(t.tell, func() (lease.Lease, error) { return t.Manager.Acquire(ctx, req) })
}

func (t *told) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	return renewing(t.tell, func() (lease.Lease, error) { return t.Manager.Renew(ctx, held) })
}

func (t *told) Release(ctx context.Context, held lease.Lease) error {
	err := t.Manager.Release(ctx, held)
	if err == nil {
		t.tell(Released)
	}
	return err
}

// Without an endpoint, the SDKs look for one where they always do.

func openDynamoDB(ctx context.Context, c Config) (lease.Manager, error) {
	cfg, err := awsConfig(ctx, c)
	return dynamodb.New(sdkdynamodb.NewFromConfig(cfg), Place), err
}

func openS3(ctx context.Context, c Config) (lease.Manager, error) {
	cfg, err := awsConfig(ctx, c)
	client := sdks3.NewFromConfig(cfg, func(o *sdks3.Options) { o.UsePathStyle = true })
	return s3.New(client, Place, s3.WithAge()), err // as with Amazon's own endpoint
}

func awsConfig(ctx context.Context, c Config) (aws.Config, error) {
	if c.Endpoint == "" {
		return config.LoadDefaultConfig(ctx)
	}
	return config.LoadDefaultConfig(ctx, config.WithBaseEndpoint(c.Endpoint))
}

func openGCS(ctx context.Context, c Config) (lease.Manager, error) {
	var opts []option.ClientOption
	if c.Endpoint != "" {
		opts = append(opts, option.WithEndpoint(c.Endpoint), option.WithoutAuthentication())
	}
	client, err := gcs.NewClient(ctx, opts...)
	if err != nil {
		return nil, err
	}
	return gcs.New(client, Place), nil
}

func openAzure(_ context.Context, c Config) (lease.Manager, error) {
	connection := cmp.Or(c.Endpoint, os.Getenv("AZURE_STORAGE_CONNECTION_STRING"))
	client, err := container.NewClientFromConnectionString(connection, Place, nil)
	if err != nil {
		return nil, errors.New("the connection string of Azure Storage cannot be used") // which is a secret
	}
	return azblob.New(client), nil
}

func openFile(_ context.Context, c Config) (lease.Manager, error) { return file.New(c.Endpoint), nil }
