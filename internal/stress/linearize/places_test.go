package linearize

import (
	"math/rand/v2"
	"net/http"
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

	"github.com/cloudlease/leader/internal/emulated"
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

func newLine(t testing.TB, s emulator.Service) *line {
	return &line{Proxy: emulator.Proxy(t, s), patience: shortPatience}
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

func dynamodbService(t testing.TB) service {
	table := emulated.Make(t, emulator.DynamoDB).Name
	return service{length: shortLength, span: 4 * shortLength, disturbs: shortPatience, connect: func(t testing.TB, n int) connection {
		cfg, retries := awsConfig(t, n)
		l := newLine(t, emulator.DynamoDB)
		s := dynamodb.NewStore(dynamodbsdk.NewFromConfig(cfg, func(o *dynamodbsdk.Options) {
			o.BaseEndpoint = aws.String(l.URL())
		}), table)
		return l.connection(s, retries)
	}}
}

func s3Service(t testing.TB) service {
	bucket := emulated.Make(t, emulator.S3).Name
	return service{length: shortLength, span: 4 * shortLength, disturbs: shortPatience, connect: func(t testing.TB, n int) connection {
		cfg, retries := awsConfig(t, n)
		l := newLine(t, emulator.S3)
		s := s3.NewStore(s3sdk.NewFromConfig(cfg, func(o *s3sdk.Options) { o.BaseEndpoint = aws.String(l.URL()) }), bucket)
		return l.connection(s, retries)
	}}
}

// gcsService needs no retries of an SDK: the store makes one attempt of each call.
func gcsService(t testing.TB) service {
	bucket := emulated.Make(t, emulator.GCS).Name
	return service{length: shortLength, span: 4 * shortLength, disturbs: shortPatience, connect: func(t testing.TB, n int) connection {
		l := newLine(t, emulator.GCS)
		client, err := gcs.NewClient(t.Context(), option.WithEndpoint(l.URL()+"/storage/v1/"))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, client.Close()) })
		return l.connection(gcs.NewStore(client, bucket), false)
	}}
}

// azureService has many leases, as all takeovers of a history happen after its first 15 seconds.
func azureService(t testing.TB) service {
	name := emulated.Make(t, emulator.Azure).Name
	return service{
		length: 15 * time.Second, span: 20 * time.Second, disturbs: shortPatience, names: 6, native: true,
		slack: 50 * time.Millisecond, // of a wall clock, which is adjusted
		connect: func(t testing.TB, n int) connection {
			l := newLine(t, emulator.Azure)
			_, account := emulator.At(emulator.Azure, l.URL())
			client, err := container.NewClientFromConnectionString(account, name, &container.ClientOptions{
				ClientOptions: azcore.ClientOptions{Transport: &http.Client{Transport: transport(t)}},
			})
			require.NoError(t, err)
			return connection{Manager: azblob.New(client), faulty: l}
		},
	}
}
