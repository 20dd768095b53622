package linearize

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	dynamodbsdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	s3sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"

	"cloud.google.com/go/storage"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/azblob"
	"github.com/cloudlease/leader/lease/dynamodb"
	"github.com/cloudlease/leader/lease/gcs"
	"github.com/cloudlease/leader/lease/s3"
)

// services are the real services, each as a test opens it.
var services = map[string]func(t testing.TB) service{
	"file":     fileService,
	"dynamodb": dynamodbService,
	"s3":       s3Service,
	"gcs":      gcsService,
	"azure":    azureService,
}

// A line is the way from a process to its service, with faults on it.
type line struct {
	*wire.Proxy
	patience time.Duration
	struck   []<-chan struct{}
}

// needLine skips the test of a service that is no emulator.
func needLine(t testing.TB, upstream string) {
	t.Helper()
	if upstream == "" {
		t.Skip("a real service cannot be reached through a proxy: its requests are signed for its own name")
	}
}

func newLine(t testing.TB, upstream string, patience time.Duration, opts ...wire.Option) *line {
	return &line{Proxy: wire.NewProxy(t, upstream, opts...), patience: patience}
}

// disturb breaks one of the next two requests, in one of all possible ways.
func (l *line) disturb() {
	some := func() time.Duration { return time.Duration(rand.Int64N(int64(l.patience))) }
	stage := wire.Stage(rand.IntN(2))
	all := []wire.Fault{
		wire.Cut(stage), wire.Reset(stage), wire.Stall(stage), wire.Reply(http.StatusServiceUnavailable, nil, ""),
		wire.Delay(stage, some()),                  // slow
		wire.Delay(wire.Before, l.patience+some()), // late: it arrives after its sender has given it up
	}
	l.struck = append(l.struck, l.OnRequest(1+rand.IntN(3)/2, all[rand.IntN(len(all))]))
}

func (l *line) heal() { l.Heal() }

func (l *line) faults() (n int) {
	for _, struck := range l.struck {
		select {
		case <-struck:
			n++
		default:
		}
	}
	return n
}

// connection returns a client's connection to a store.
func (l *line) connection(s lease.Store, retries bool) connection {
	return connection{Store: s, Manager: lease.NewManager(s), retries: retries, faulty: l}
}

const (
	shortLength   = 2 * time.Second
	shortPatience = 600 * time.Millisecond
)

// transport returns a transport for one process alone.
func transport(t testing.TB) *http.Transport {
	own := awshttp.NewBuildableClient().GetTransport()
	t.Cleanup(own.CloseIdleConnections)
	return own
}

// awsConfig returns a program's configuration, but for the pause between the SDK's attempts. Every third client's SDK retries;
// the others' do not.
func awsConfig(t testing.TB, n int) (cfg aws.Config, retries bool) {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context())
	require.NoError(t, err)
	cfg.HTTPClient = &http.Client{Transport: transport(t)}
	retries = n%3 == 1
	cfg.Retryer = func() aws.Retryer {
		if !retries {
			return aws.NopRetryer{}
		}
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 10 * time.Millisecond, nil })
		})
	}
	return cfg, retries
}

func awsEndpoint(service string) string {
	if own := os.Getenv("AWS_ENDPOINT_URL_" + service); own != "" {
		return own
	}
	return os.Getenv("AWS_ENDPOINT_URL")
}

func dynamodbService(t testing.TB) service {
	emulator.Need(t, emulator.DynamoDB)
	needLine(t, awsEndpoint("DYNAMODB"))
	cfg, _ := awsConfig(t, 1)
	owner, table := dynamodbsdk.NewFromConfig(cfg), emulator.Name(t)
	require.NoError(t, dynamodb.CreateTable(t.Context(), owner, table))
	t.Cleanup(func() {
		_, err := owner.DeleteTable(context.WithoutCancel(t.Context()), &dynamodbsdk.DeleteTableInput{TableName: &table})
		require.NoError(t, err)
	})
	return service{length: shortLength, span: 4 * shortLength, disturbs: shortPatience, connect: func(t testing.TB, n int) connection {
		cfg, retries := awsConfig(t, n)
		l := newLine(t, awsEndpoint("DYNAMODB"), shortPatience)
		s := dynamodb.NewStore(dynamodbsdk.NewFromConfig(cfg, func(o *dynamodbsdk.Options) {
			o.BaseEndpoint = aws.String(l.URL())
		}), table)
		return l.connection(s, retries)
	}}
}

func s3Service(t testing.TB) service {
	emulator.Need(t, emulator.S3)
	needLine(t, awsEndpoint("S3"))
	cfg, _ := awsConfig(t, 1)
	cfg.Region = "us-east-1" // elsewhere a location has to be named
	owner, bucket := s3sdk.NewFromConfig(cfg), emulator.Name(t)
	_, err := owner.CreateBucket(t.Context(), &s3sdk.CreateBucketInput{Bucket: &bucket})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		all, err := owner.ListObjectsV2(ctx, &s3sdk.ListObjectsV2Input{Bucket: &bucket})
		require.NoError(t, err)
		for _, object := range all.Contents {
			_, err := owner.DeleteObject(ctx, &s3sdk.DeleteObjectInput{Bucket: &bucket, Key: object.Key})
			require.NoError(t, err)
		}
		_, err = owner.DeleteBucket(ctx, &s3sdk.DeleteBucketInput{Bucket: &bucket})
		require.NoError(t, err)
	})
	return service{length: shortLength, span: 4 * shortLength, disturbs: shortPatience, connect: func(t testing.TB, n int) connection {
		cfg, retries := awsConfig(t, n)
		l := newLine(t, awsEndpoint("S3"), shortPatience)
		s := s3.NewStore(s3sdk.NewFromConfig(cfg, func(o *s3sdk.Options) { o.BaseEndpoint = aws.String(l.URL()) }), bucket)
		return l.connection(s, retries)
	}}
}

// gcsService needs no retries of an SDK: the store makes one attempt of each call.
func gcsService(t testing.TB) service {
	emulator.Need(t, emulator.GCS)
	client := func(t testing.TB, opts ...option.ClientOption) *storage.Client {
		c, err := gcs.NewClient(t.Context(), opts...)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		return c
	}
	host, bucket := os.Getenv("STORAGE_EMULATOR_HOST"), emulator.Name(t)
	host = strings.TrimPrefix(host, "http://")
	upstream := ""
	if host != "" {
		upstream = "http://" + host
	}
	needLine(t, upstream)
	require.NoError(t, client(t).Bucket(bucket).Create(t.Context(), "test", nil))
	return service{length: shortLength, span: 4 * shortLength, disturbs: shortPatience, connect: func(t testing.TB, n int) connection {
		l := newLine(t, upstream, shortPatience, wire.WithHost(host))
		s := gcs.NewStore(client(t, option.WithEndpoint(l.URL()+"/storage/v1/")), bucket)
		return l.connection(s, false)
	}}
}

// azureService has many leases, as all takeovers of a history happen after its first 15 seconds.
func azureService(t testing.TB) service {
	emulator.Need(t, emulator.Azure)
	dsn, name := os.Getenv("AZURE_STORAGE_CONNECTION_STRING"), emulator.Name(t)
	client := func(t testing.TB, dsn string) *container.Client {
		c, err := container.NewClientFromConnectionString(dsn, name, &container.ClientOptions{
			ClientOptions: azcore.ClientOptions{Transport: &http.Client{Transport: transport(t)}},
		})
		require.NoError(t, err)
		return c
	}
	_, rest, _ := strings.Cut(";"+dsn, ";BlobEndpoint=")
	endpoint, _, _ := strings.Cut(rest, "/devstoreaccount1") // Azurite's, which needs no TLS
	needLine(t, strings.TrimSuffix(endpoint, rest))
	owner := client(t, dsn)
	_, err := owner.Create(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = owner.Delete(context.WithoutCancel(t.Context()), nil) })
	return service{
		length: 15 * time.Second, span: 20 * time.Second, disturbs: shortPatience, names: 6, native: true,
		slack: 50 * time.Millisecond, // of a wall clock, which is adjusted
		connect: func(t testing.TB, n int) connection {
			l := newLine(t, endpoint, shortPatience)
			m := azblob.New(client(t, strings.Replace(dsn, endpoint, l.URL(), 1)))
			return connection{Manager: m, faulty: l}
		},
	}
}
